import { Code, Stack, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Bot } from "@/api";
import { Confirm } from "@/components";
import { useUpgrade } from "./queries";

type Props = { bot: Bot; opened: boolean; onClose: () => void };

export function UpgradeDialog({ bot, opened, onClose }: Props) {
  const { t } = useTranslation();
  const upgrade = useUpgrade(bot.hostname);
  return (
    <Confirm
      opened={opened}
      onClose={onClose}
      title={t("upgrade.title", { name: bot.name })}
      action={t("upgrade.action")}
      harmless
      onConfirm={() => upgrade.mutateAsync()}
    >
      <Stack gap="sm">
        <Image label={t("upgrade.from")} image={bot.image} />
        <Image label={t("upgrade.to")} image={bot.upgrade} />
        <Text size="sm">{t("upgrade.text")}</Text>
      </Stack>
    </Confirm>
  );
}

function Image({ label, image }: { label: string; image: string | null }) {
  return (
    <div>
      <Text size="xs" c="dimmed" fw={550}>
        {label}
      </Text>
      <Code block style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
        {image}
      </Code>
    </div>
  );
}
