import { ActionIcon, Group, Table, Text } from "@mantine/core";
import { IconChartHistogram, IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Fragment, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Usage } from "@/api";
import { Ago, EmptyState, LoadMore, Pill, QueryView, SimulatedBadge } from "@/components";
import { useVendorName } from "@/features/keys";
import { formatMilliseconds, formatNumber } from "@/lib/format";
import { type UsageFilter, usageQuery } from "./queries";
import { UsageDetails } from "./UsageDetails";

type Props = UsageFilter & { showBot?: boolean };

export function UsageTable({ hostname, vendor, showBot = false }: Props) {
  const { t } = useTranslation();
  const usage = useInfiniteQuery(usageQuery({ hostname, vendor }));
  const items = usage.data?.pages.flatMap((page) => page.items);
  return (
    <QueryView query={{ ...usage, data: items }}>
      {(rows) =>
        rows.length === 0 ? (
          <EmptyState icon={<IconChartHistogram />} title={t("usage.empty")}>
            {t("usage.emptyText")}
          </EmptyState>
        ) : (
          <>
            <div className="panel">
              <Table className="data-table" verticalSpacing={6} horizontalSpacing={8}>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th w={1}>
                      <span className="visually-hidden">{t("usage.details")}</span>
                    </Table.Th>
                    <Table.Th>{t("usage.time")}</Table.Th>
                    <Table.Th>{t("usage.model")}</Table.Th>
                    <Table.Th className="numeric">{t("usage.in")}</Table.Th>
                    <Table.Th className="numeric">{t("usage.out")}</Table.Th>
                    <Table.Th className="numeric" visibleFrom="md">
                      {t("usage.cached")}
                    </Table.Th>
                    <Table.Th className="numeric" visibleFrom="lg">
                      {t("usage.reasoning")}
                    </Table.Th>
                    <Table.Th visibleFrom="lg">{t("usage.source")}</Table.Th>
                    <Table.Th visibleFrom="xs">{t("usage.status")}</Table.Th>
                    <Table.Th className="numeric" visibleFrom="sm">
                      {t("usage.duration")}
                    </Table.Th>
                    <Table.Th className="numeric" visibleFrom="md">
                      {t("usage.attempts")}
                    </Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {rows.map((row) => (
                    <UsageRow key={row.id} row={row} showBot={showBot} />
                  ))}
                </Table.Tbody>
              </Table>
            </div>
            <LoadMore query={usage} shown={rows.length} />
          </>
        )
      }
    </QueryView>
  );
}

function UsageRow({ row, showBot }: { row: Usage; showBot: boolean }) {
  const { t } = useTranslation();
  const vendorName = useVendorName();
  const [open, setOpen] = useState(false);
  const failed = row.status >= 400 || row.error_code !== null;
  const Chevron = open ? IconChevronDown : IconChevronRight;
  return (
    <Fragment>
      <Table.Tr>
        <Table.Td pr={0}>
          <ActionIcon
            variant="subtle"
            color="gray"
            size="sm"
            aria-expanded={open}
            aria-label={t("usage.details")}
            onClick={() => setOpen(!open)}
          >
            <Chevron size={16} />
          </ActionIcon>
        </Table.Td>
        <Table.Td>
          <Text size="sm">
            <Ago at={row.at} />
          </Text>
          {showBot && (
            <Text size="xs" c="dimmed" className="mono" style={{ overflowWrap: "anywhere" }}>
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
        </Table.Td>
        <Table.Td className="numeric">{formatNumber(row.input_tokens)}</Table.Td>
        <Table.Td className="numeric">{formatNumber(row.output_tokens)}</Table.Td>
        <Table.Td className="numeric" visibleFrom="md">
          {formatNumber(row.cache_read_tokens)}
        </Table.Td>
        <Table.Td className="numeric" visibleFrom="lg">
          {formatNumber(row.reasoning_tokens)}
        </Table.Td>
        <Table.Td visibleFrom="lg">
          <Text size="xs" c="dimmed">
            {t(`usage.sources.${row.usage_source}`)}
          </Text>
        </Table.Td>
        <Table.Td visibleFrom="xs">
          <Pill tone={failed ? "bad" : "good"} title={row.error_code ?? undefined}>
            {String(row.status)}
          </Pill>
        </Table.Td>
        <Table.Td className="numeric" visibleFrom="sm">
          {formatMilliseconds(row.duration_ms)}
        </Table.Td>
        <Table.Td className="numeric" visibleFrom="md">
          {formatNumber(row.attempts.length)}
        </Table.Td>
      </Table.Tr>
      {open && (
        <Table.Tr>
          <Table.Td colSpan={11} bg="var(--cbm-sunken)">
            <UsageDetails row={row} />
          </Table.Td>
        </Table.Tr>
      )}
    </Fragment>
  );
}
