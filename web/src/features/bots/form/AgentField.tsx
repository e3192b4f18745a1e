import { Radio, Stack } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { AGENTS, DEFAULT_AGENT, useBotFormValues } from "./botForm";

/** Which program the bot is: chosen once, when it is made. */
export function AgentField() {
  const { t } = useTranslation();
  const form = useBotFormValues();
  return (
    <Radio.Group aria-label={t("agents.title")} {...form.getInputProps("agent")}>
      <Stack gap="sm">
        <Radio value={DEFAULT_AGENT} label={t("agents.default")} description={t("agents.defaultHelp")} />
        {AGENTS.map((agent) => (
          <Radio
            key={agent}
            value={agent}
            label={t(`agents.name.${agent}`)}
            description={t(`agents.help.${agent}`)}
          />
        ))}
      </Stack>
    </Radio.Group>
  );
}
