import { NumberInput, SimpleGrid, TagsInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useBotFormValues } from "./botForm";

/** What the bot's instance may use and reach. Empty means the agent's default. */
export function LimitFields() {
  const { t } = useTranslation();
  const form = useBotFormValues();
  const placeholder = t("limits.default");
  return (
    <>
      <SimpleGrid cols={{ base: 1, xs: 3 }}>
        <NumberInput
          label={t("limits.memory")}
          placeholder={placeholder}
          min={32}
          max={1_048_576}
          step={128}
          allowDecimal={false}
          {...form.getInputProps("limits.memory_mb")}
        />
        <NumberInput
          label={t("limits.cpus")}
          placeholder={placeholder}
          min={0.05}
          max={1024}
          step={0.25}
          decimalScale={2}
          {...form.getInputProps("limits.cpus")}
        />
        <NumberInput
          label={t("limits.processes")}
          placeholder={placeholder}
          min={8}
          max={100_000}
          step={8}
          allowDecimal={false}
          {...form.getInputProps("limits.processes")}
        />
      </SimpleGrid>
      <TagsInput
        label={t("limits.egress")}
        description={t("limits.egressHelp")}
        placeholder={form.values.egress.length === 0 ? "api.telegram.org" : undefined}
        maxTags={50}
        clearButtonProps={{ "aria-label": t("action.clear") }}
        {...form.getInputProps("egress")}
      />
    </>
  );
}
