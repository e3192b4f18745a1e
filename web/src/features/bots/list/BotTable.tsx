import { Checkbox, Group, Stack, Table, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { memo, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { BotSummary } from "@/api";
import { Ago, SimulatedBadge } from "@/components";
import { RowActions } from "../BotActions";
import { StatePill } from "../status/StatePill";
import { isProblem } from "../status/steps";

export type Choosing = {
  chosen: ReadonlySet<string>;
  choose: (hostname: string, yes: boolean) => void;
};

/** The head of the list; its rows come by pages, each of which looks after itself. */
export function BotTable(props: {
  all: boolean;
  some: boolean;
  onAll: (yes: boolean) => void;
  children: ReactNode;
}) {
  const { t } = useTranslation();
  return (
    <div className="panel">
      <Table className="data-table" verticalSpacing="xs" horizontalSpacing="md" highlightOnHover>
        <Table.Thead>
          <Table.Tr>
            <Table.Th w={1} pr={0}>
              <Checkbox
                size="xs"
                aria-label={t("bulk.chooseAll")}
                checked={props.all}
                indeterminate={props.some && !props.all}
                onChange={(event) => props.onAll(event.currentTarget.checked)}
              />
            </Table.Th>
            <Table.Th>{t("bots.bot")}</Table.Th>
            <Table.Th>{t("bots.state")}</Table.Th>
            <Table.Th visibleFrom="md">{t("bots.model")}</Table.Th>
            <Table.Th visibleFrom="lg">{t("bots.created")}</Table.Th>
            <Table.Th w={1} visibleFrom="xs">
              {t("table.actions")}
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        {props.children}
      </Table>
    </div>
  );
}

type RowProps = { bot: BotSummary; vendors: string; chosen: boolean; choose: Choosing["choose"] };

/** Drawn again only when its bot changed: a list of a thousand is polled. */
export const BotRow = memo(function BotRow({ bot, vendors, chosen, choose }: RowProps) {
  const { t } = useTranslation();
  return (
    <Table.Tr data-chosen={chosen || undefined}>
      <Table.Td pr={0}>
        <Checkbox
          size="xs"
          aria-label={t("bulk.choose", { name: bot.name })}
          checked={chosen}
          onChange={(event) => choose(bot.hostname, event.currentTarget.checked)}
        />
      </Table.Td>
      <Table.Td>
        <Group gap="sm" wrap="nowrap">
          <Text span fz="xl" w={28} ta="center" aria-hidden="true">
            {bot.emoji ?? "🤖"}
          </Text>
          <Stack gap={0} miw={0}>
            <Group gap={8}>
              <Link to="/bots/$hostname" params={{ hostname: bot.hostname }} className="row-link">
                {bot.name}
              </Link>
              {bot.is_simulated && <SimulatedBadge />}
            </Group>
            <Text size="xs" c="dimmed" className="mono" style={{ overflowWrap: "anywhere" }}>
              {bot.hostname}
            </Text>
          </Stack>
        </Group>
      </Table.Td>
      <Table.Td>
        <StatePill status={bot.status} />
        <Why status={bot.status} />
      </Table.Td>
      <Table.Td visibleFrom="md">
        <Text size="sm" className="mono">
          {bot.primary_model}
        </Text>
        <Text size="xs" c="dimmed">
          {vendors}
        </Text>
      </Table.Td>
      <Table.Td visibleFrom="lg">
        <Text size="sm">
          <Ago at={bot.created_at} />
        </Text>
      </Table.Td>
      <Table.Td visibleFrom="xs">
        <RowActions bot={bot} />
      </Table.Td>
    </Table.Tr>
  );
});

function Why({ status: { code, detail } }: { status: BotSummary["status"] }) {
  const { t } = useTranslation();
  if (code === null) return null;
  const words = t(isProblem(code) ? `bots.codes.${code}` : `start.code.${code}`, {
    defaultValue: detail ?? "",
  });
  return (
    <Text size="xs" c="dimmed" mt={2} maw="22rem" lineClamp={2} title={detail ?? undefined} visibleFrom="sm">
      {words}
    </Text>
  );
}
