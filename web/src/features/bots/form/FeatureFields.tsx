import { Group, NumberInput, Select, SimpleGrid, Stack, Switch } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useBotFormValues } from "./botForm";

const VOICES = ["alloy", "echo", "fable", "onyx", "nova", "shimmer"];
const SCOPES = ["user", "channel", "global"] as const;

export function FeatureFields() {
  const { t } = useTranslation();
  const form = useBotFormValues();
  const { tts, sandbox } = form.values.features;
  return (
    <Stack gap="md">
      <SimpleGrid cols={{ base: 1, xs: 3 }}>
        <Switch
          label={t("features.commands")}
          description={t("features.commandsHelp")}
          {...form.getInputProps("features.commands", { type: "checkbox" })}
        />
        <Switch
          label={t("features.tts")}
          description={t("features.ttsHelp")}
          {...form.getInputProps("features.tts", { type: "checkbox" })}
        />
        <Switch
          label={t("features.sandbox")}
          description={t("features.sandboxHelp")}
          {...form.getInputProps("features.sandbox", { type: "checkbox" })}
        />
      </SimpleGrid>
      <Group align="flex-start">
        <Select
          label={t("features.sessionScope")}
          data={SCOPES.map((scope) => ({ value: scope, label: t(`features.scope.${scope}`) }))}
          allowDeselect={false}
          {...form.getInputProps("features.session_scope")}
        />
        {tts && (
          <Select
            label={t("features.voice")}
            data={VOICES}
            allowDeselect={false}
            {...form.getInputProps("features.voice")}
          />
        )}
        {sandbox && (
          <NumberInput
            label={t("features.sandboxTimeout")}
            min={5}
            max={300}
            clampBehavior="blur"
            allowDecimal={false}
            {...form.getInputProps("features.sandbox_timeout_seconds")}
          />
        )}
      </Group>
    </Stack>
  );
}
