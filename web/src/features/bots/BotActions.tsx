import { ActionIcon, Button, Group, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconPlayerPlay, IconPlayerStop, IconTrash } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { BotSummary } from "@/api";
import { Confirm } from "@/components";
import { notifyError } from "@/lib/notify";
import { useBotCommand } from "./queries";
import { canStart, canStop } from "./state";

/** Start or stop, whichever makes sense; and, where there is room, delete. */
export function BotActions({ bot, compact = false }: { bot: BotSummary; compact?: boolean }) {
  const { t } = useTranslation();
  const command = useBotCommand(bot.hostname);
  const [deleting, { open, close }] = useDisclosure();
  if (bot.status.desired === "deleted") return null;
  const verb =
    canStop(bot.status) && bot.status.state !== "error" ? "stop" : canStart(bot.status) ? "start" : null;
  const Icon = verb === "stop" ? IconPlayerStop : IconPlayerPlay;

  async function run(what: "start" | "stop") {
    try {
      await command.mutateAsync(what);
    } catch (error) {
      notifyError(error, bot.name);
    }
  }

  if (compact) {
    if (verb === null) return null;
    const label = t(`bots.${verb}Named`, { name: bot.name });
    return (
      <ActionIcon
        variant="subtle"
        color="gray"
        aria-label={label}
        title={label}
        loading={command.isPending}
        onClick={() => run(verb)}
      >
        <Icon size={18} />
      </ActionIcon>
    );
  }

  return (
    <Group gap="xs">
      {verb && (
        <Button
          variant={verb === "start" ? "filled" : "default"}
          leftSection={<Icon size={16} aria-hidden="true" />}
          loading={command.isPending}
          onClick={() => run(verb)}
        >
          {t(`bots.${verb}`)}
        </Button>
      )}
      <Button
        variant="default"
        c="var(--mantine-color-error)"
        leftSection={<IconTrash size={16} aria-hidden="true" />}
        onClick={open}
      >
        {t("action.delete")}
      </Button>
      <Confirm
        opened={deleting}
        onClose={close}
        title={t("bots.deleteTitle", { name: bot.name })}
        action={t("bots.deleteAction")}
        typed={bot.hostname}
        onConfirm={() => command.mutateAsync("delete")}
      >
        <Text size="sm">{t("bots.deleteText")}</Text>
      </Confirm>
    </Group>
  );
}
