import { ActionIcon, Button, Group, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconPlayerPlay, IconPlayerStop, IconTrash } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { BotSummary } from "@/api";
import { Confirm } from "@/components";
import { notifyError } from "@/lib/notify";
import { useBotCommand } from "./queries";
import { canStart, canStop } from "./state";

type Verb = "start" | "stop";
const VERBS: readonly Verb[] = ["start", "stop"];

function VerbIcon({ verb, size }: { verb: Verb; size: number }) {
  const Icon = verb === "start" ? IconPlayerPlay : IconPlayerStop;
  return <Icon size={size} aria-hidden="true" />;
}

/** Start or stop, whichever makes sense (both for a bot that keeps failing); and, where there is room, delete. */
export function BotActions({ bot, compact = false }: { bot: BotSummary; compact?: boolean }) {
  const { t } = useTranslation();
  const command = useBotCommand(bot.hostname);
  const [deleting, { open, close }] = useDisclosure();
  if (bot.status.desired === "deleted") return null;
  const verbs = VERBS.filter((name) => (name === "start" ? canStart : canStop)(bot.status));

  async function run(what: Verb) {
    try {
      await command.mutateAsync(what);
    } catch (error) {
      notifyError(error, bot.name);
    }
  }

  if (compact) {
    const [verb] = verbs;
    if (verb === undefined) return null;
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
        <VerbIcon verb={verb} size={18} />
      </ActionIcon>
    );
  }

  return (
    <Group gap="xs">
      {verbs.map((name) => (
        <Button
          key={name}
          variant={name === "start" ? "filled" : "default"}
          leftSection={<VerbIcon verb={name} size={16} />}
          loading={command.isPending && command.variables === name}
          onClick={() => run(name)}
        >
          {t(`bots.${name}`)}
        </Button>
      ))}
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
