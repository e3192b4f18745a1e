import { Group, Stack, Table, Text, UnstyledButton } from "@mantine/core";
import { IconChartHistogram, IconChevronRight } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Usage } from "@/api";
import { Ago, EmptyState, LoadMore, Pill, QueryView, SimulatedBadge } from "@/components";
import { useVendorName } from "@/features/keys";
import { formatDateTime, formatMilliseconds, formatNumber } from "@/lib/format";
import { type UsageFilter, usageQuery } from "./queries";
import { UsageDrawer } from "./UsageDrawer";
import classes from "./UsageTable.module.css";
import { codeText, countText, outcomeTone } from "./words";

type Props = UsageFilter & { showBot?: boolean };

export function UsageTable({ showBot = false, ...filter }: Props) {
  const { t } = useTranslation();
  const usage = useInfiniteQuery(usageQuery(filter));
  const [shown, setShown] = useState<Usage>();
  const [opened, setOpened] = useState(false);
  const items = usage.data?.pages.flatMap((page) => page.items);
  const filtered = Boolean(filter.vendor || filter.trace_id || filter.failed !== undefined);
  return (
    <QueryView query={{ ...usage, data: items }}>
      {(rows) =>
        rows.length === 0 ? (
          <EmptyState
            icon={<IconChartHistogram />}
            title={t(filtered ? "usage.nothingFound" : "usage.empty")}
          >
            {t(filtered ? "usage.nothingFoundText" : "usage.emptyText")}
          </EmptyState>
        ) : (
          <>
            <div className="panel">
              <Table className="data-table" verticalSpacing={6} horizontalSpacing={8} highlightOnHover>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>{t("usage.time")}</Table.Th>
                    <Table.Th>{t("usage.model")}</Table.Th>
                    <Table.Th className="numeric">{t("usage.in")}</Table.Th>
                    <Table.Th className="numeric">{t("usage.out")}</Table.Th>
                    <Table.Th visibleFrom="lg">{t("usage.source")}</Table.Th>
                    <Table.Th visibleFrom="xs">{t("usage.status")}</Table.Th>
                    <Table.Th className="numeric" visibleFrom="lg">
                      {t("usage.firstByte")}
                    </Table.Th>
                    <Table.Th className="numeric" visibleFrom="sm">
                      {t("usage.duration")}
                    </Table.Th>
                    <Table.Th className="numeric" visibleFrom="md">
                      {t("usage.attempts")}
                    </Table.Th>
                    <Table.Th w={1}>
                      <span className="visually-hidden">{t("usage.details")}</span>
                    </Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {rows.map((row) => (
                    <UsageRow
                      key={row.id}
                      row={row}
                      showBot={showBot}
                      onOpen={() => {
                        setShown(row);
                        setOpened(true);
                      }}
                    />
                  ))}
                </Table.Tbody>
              </Table>
            </div>
            <LoadMore query={usage} shown={rows.length} />
            <UsageDrawer row={shown} opened={opened} onClose={() => setOpened(false)} />
          </>
        )
      }
    </QueryView>
  );
}

/** A row is one large target; who drags over it wants to copy something. */
function openUnlessSelecting(open: () => void) {
  return () => {
    if (document.getSelection()?.isCollapsed !== false) open();
  };
}

function UsageRow({ row, showBot, onOpen }: { row: Usage; showBot: boolean; onOpen: () => void }) {
  const { t } = useTranslation();
  const vendorName = useVendorName();
  return (
    <Table.Tr className={classes.row} onClick={openUnlessSelecting(onOpen)}>
      <Table.Td>
        <Text size="sm" className={classes.time}>
          <Ago at={row.at} />
        </Text>
        {showBot && (
          <Text size="xs" c="dimmed" className="mono" style={{ overflowWrap: "anywhere" }} visibleFrom="xs">
            {row.hostname}
          </Text>
        )}
      </Table.Td>
      <Table.Td>
        <Text size="sm" className="mono" style={{ overflowWrap: "anywhere" }}>
          {row.model_answered ?? row.model_asked ?? t("usage.noModel")}
        </Text>
        <Group gap={6}>
          <Text size="xs" c="dimmed">
            {vendorName(row.vendor)}
          </Text>
          {row.is_simulated && <SimulatedBadge />}
        </Group>
        <Stack gap={2} align="flex-start" hiddenFrom="xs">
          {showBot && (
            <Text size="xs" c="dimmed" className="mono" style={{ overflowWrap: "anywhere" }}>
              {row.hostname}
            </Text>
          )}
          {outcomeTone(row) !== "good" && <Outcome row={row} />}
        </Stack>
      </Table.Td>
      <Table.Td className="numeric">{countText(row.input_tokens, row.usage_source)}</Table.Td>
      <Table.Td className="numeric">{countText(row.output_tokens, row.usage_source)}</Table.Td>
      <Table.Td visibleFrom="lg">
        <Text size="xs" c="dimmed">
          {t(`usage.sources.${row.usage_source}`)}
        </Text>
      </Table.Td>
      <Table.Td visibleFrom="xs" maw={220}>
        <Outcome row={row} />
      </Table.Td>
      <Table.Td className="numeric" visibleFrom="lg">
        {formatMilliseconds(row.first_byte_ms)}
      </Table.Td>
      <Table.Td className="numeric" visibleFrom="sm">
        {formatMilliseconds(row.duration_ms)}
      </Table.Td>
      <Table.Td className="numeric" visibleFrom="md">
        {formatNumber(row.attempts.length)}
      </Table.Td>
      <Table.Td pl={0}>
        <UnstyledButton
          className={classes.open}
          aria-haspopup="dialog"
          aria-label={t("usage.showDetails", { time: formatDateTime(row.at) })}
          onClick={(event) => {
            event.stopPropagation();
            onOpen();
          }}
        >
          <IconChevronRight size={16} aria-hidden="true" />
        </UnstyledButton>
      </Table.Td>
    </Table.Tr>
  );
}

function Outcome({ row }: { row: Usage }) {
  return (
    <>
      <Pill tone={outcomeTone(row)}>{String(row.status)}</Pill>
      {row.error_code && (
        <Text size="xs" c="dimmed" lineClamp={2} mt={2}>
          {codeText(row.error_code)}
        </Text>
      )}
    </>
  );
}
