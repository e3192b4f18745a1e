import { ActionIcon, Button, Group, Menu, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import {
  IconArrowBigUpLine,
  IconCopyPlus,
  IconDots,
  IconDownload,
  IconPlayerPlay,
  IconPlayerStop,
  IconRefresh,
  IconTrash,
} from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Bot, BotSummary } from "@/api";
import { Confirm } from "@/components";
import { notifyError } from "@/lib/notify";
import { CloneDialog } from "./changes/CloneDialog";
import { useExport } from "./changes/queries";
import { UpgradeDialog } from "./changes/UpgradeDialog";
import { useBotCommand } from "./queries";
import { canStart, canStop } from "./status/state";

type Verb = "start" | "stop" | "restart";
const VERBS = ["start", "stop"] as const;
const ICONS = { start: IconPlayerPlay, stop: IconPlayerStop, restart: IconRefresh };

function useRun(bot: BotSummary) {
  const command = useBotCommand(bot.hostname);
  return {
    command,
    running: command.isPending ? command.variables : undefined,
    run: (verb: Verb) => command.mutateAsync(verb).catch((error) => notifyError(error, bot.name)),
  };
}

/** Start or stop, whichever makes sense (both for a bot that keeps failing). */
function verbsFor(bot: BotSummary) {
  return VERBS.filter((name) => (name === "start" ? canStart : canStop)(bot.status));
}

export function RowActions({ bot }: { bot: BotSummary }) {
  const { t } = useTranslation();
  const { run, running } = useRun(bot);
  const [verb] = verbsFor(bot);
  if (verb === undefined || bot.status.desired === "deleted") return null;
  const label = t(`bots.${verb}Named`, { name: bot.name });
  const Icon = ICONS[verb];
  return (
    <ActionIcon
      variant="subtle"
      color="gray"
      aria-label={label}
      title={label}
      loading={running !== undefined}
      onClick={() => run(verb)}
    >
      <Icon size={18} aria-hidden="true" />
    </ActionIcon>
  );
}

export function BotActions({ bot }: { bot: Bot }) {
  const { t } = useTranslation();
  const { command, run, running } = useRun(bot);
  const [deleting, confirmDelete] = useDisclosure();
  if (bot.status.desired === "deleted") return null;
  const verbs: Verb[] = verbsFor(bot);
  if (!verbs.includes("start")) verbs.push("restart");
  return (
    <Group gap="xs">
      {verbs.map((verb) => {
        const Icon = ICONS[verb];
        return (
          <Button
            key={verb}
            variant={verb === "start" ? "filled" : "default"}
            leftSection={<Icon size={16} aria-hidden="true" />}
            loading={running === verb}
            onClick={() => run(verb)}
          >
            {t(`bots.${verb}`)}
          </Button>
        );
      })}
      <Button
        variant="default"
        c="var(--mantine-color-error)"
        leftSection={<IconTrash size={16} aria-hidden="true" />}
        onClick={confirmDelete.open}
      >
        {t("action.delete")}
      </Button>
      <MoreActions bot={bot} />
      <Confirm
        opened={deleting}
        onClose={confirmDelete.close}
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

function MoreActions({ bot }: { bot: Bot }) {
  const { t } = useTranslation();
  const [upgrading, upgrade] = useDisclosure();
  const [cloning, clone] = useDisclosure();
  const exported = useExport(bot.hostname);
  return (
    <>
      {bot.upgrade && !bot.is_upgrading && (
        <Button
          variant="light"
          leftSection={<IconArrowBigUpLine size={16} aria-hidden="true" />}
          onClick={upgrade.open}
        >
          {t("upgrade.action")}
        </Button>
      )}
      <Menu position="bottom-end">
        <Menu.Target>
          <ActionIcon
            variant="default"
            size={36}
            aria-label={t("table.actionsFor", { name: bot.name })}
            loading={exported.isPending}
          >
            <IconDots size={18} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconCopyPlus size={16} aria-hidden="true" />} onClick={clone.open}>
            {t("clone.menu")}
          </Menu.Item>
          <Menu.Item
            leftSection={<IconDownload size={16} aria-hidden="true" />}
            onClick={() => exported.mutateAsync().catch((error) => notifyError(error, bot.name))}
          >
            {t("export.menu")}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <UpgradeDialog bot={bot} opened={upgrading} onClose={upgrade.close} />
      <CloneDialog bot={bot} opened={cloning} onClose={clone.close} />
    </>
  );
}
