import { Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { ProviderKey } from "@/api";
import { Pill } from "@/components";
import { explain, TONES } from "./keyState";

/** The state of a key in words; when it is not used: why, what to do, and what happens by itself. */
export function KeyStatus({ item, checking }: { item: ProviderKey; checking: boolean }) {
  const { t } = useTranslation();
  return (
    <>
      <Pill tone={checking ? "busy" : TONES[item.state]}>
        {checking ? t("keys.checking") : t(`keys.states.${item.state}`)}
      </Pill>
      {explain(item, t).map((sentence) => (
        <Text key={sentence} size="xs" c="dimmed" mt={2} maw="22rem">
          {sentence}
        </Text>
      ))}
    </>
  );
}
