import { Alert, Button, Group, Text } from "@mantine/core";
import { IconRefreshAlert } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Bot } from "@/api";
import { notifyError } from "@/lib/notify";
import { useBotCommand } from "../queries";

/** Said while settings are written down that the running bot does not have yet. */
export function PendingRestart({ bot }: { bot: Bot }) {
  const { t } = useTranslation();
  const command = useBotCommand(bot.hostname);
  if (!bot.is_pending_restart || bot.status.desired !== "running" || bot.is_upgrading) return null;
  return (
    <Alert
      color="blue"
      mb="md"
      p="sm"
      icon={<IconRefreshAlert aria-hidden="true" />}
      title={t("restart.pending")}
    >
      <Group justify="space-between" gap="sm">
        <Text size="sm">{t("restart.pendingText")}</Text>
        <Button
          size="xs"
          loading={command.isPending}
          onClick={() => command.mutateAsync("restart").catch((error) => notifyError(error, bot.name))}
        >
          {t("restart.now")}
        </Button>
      </Group>
    </Alert>
  );
}
