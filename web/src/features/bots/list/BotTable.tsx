import { Group, Stack, Table, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { memo } from "react";
import { useTranslation } from "react-i18next";
import type { BotSummary } from "@/api";
import { Ago, SimulatedBadge } from "@/components";
import { useVendorName } from "@/features/keys";
import { BotActions } from "./BotActions";
import { StatePill } from "./StatePill";

export function BotTable({ bots }: { bots: readonly BotSummary[] }) {
  const { t } = useTranslation();
  const vendorName = useVendorName();
  return (
    <div className="panel">
      <Table className="data-table" verticalSpacing="xs" horizontalSpacing="md" highlightOnHover>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("bots.bot")}</Table.Th>
            <Table.Th>{t("bots.state")}</Table.Th>
            <Table.Th visibleFrom="md">{t("bots.model")}</Table.Th>
            <Table.Th visibleFrom="lg">{t("bots.created")}</Table.Th>
            <Table.Th w={1} visibleFrom="xs">
              {t("table.actions")}
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {bots.map((bot) => (
            <Row key={bot.id} bot={bot} vendors={bot.vendors.map(vendorName).join(", ")} />
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

/** Drawn again only when its bot changed: a list of a thousand is polled. */
const Row = memo(function Row({ bot, vendors }: { bot: BotSummary; vendors: string }) {
  return (
    <Table.Tr>
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
        {bot.status.detail && (
          <Text
            size="xs"
            c="dimmed"
            mt={2}
            maw="22rem"
            lineClamp={2}
            title={bot.status.detail}
            visibleFrom="sm"
          >
            {bot.status.detail}
          </Text>
        )}
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
        <BotActions bot={bot} compact />
      </Table.Td>
    </Table.Tr>
  );
});
