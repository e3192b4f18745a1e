import { Table, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { RouteLatency } from "@/api";
import { formatMilliseconds, formatNumber, formatPercent } from "@/lib/format";

/** How fast the API answered in the last minutes. */
export function LatencyTable({ rows }: { rows: readonly RouteLatency[] }) {
  const { t } = useTranslation();
  if (rows.length === 0) return <Text size="sm">{t("diagnostics.noRequests")}</Text>;
  return (
    <Table.ScrollContainer minWidth={420} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
      <Table className="data-table" verticalSpacing={6}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("diagnostics.routes")}</Table.Th>
            <Table.Th className="numeric">{t("usage.requests")}</Table.Th>
            <Table.Th className="numeric">{t("diagnostics.median")}</Table.Th>
            <Table.Th className="numeric">{t("diagnostics.p95")}</Table.Th>
            <Table.Th className="numeric">{t("usage.errors")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={row.group}>
              <Table.Td className="mono">{row.group}</Table.Td>
              <Table.Td className="numeric">{formatNumber(row.requests)}</Table.Td>
              <Table.Td className="numeric">{formatMilliseconds(row.p50_ms)}</Table.Td>
              <Table.Td className="numeric">{formatMilliseconds(row.p95_ms)}</Table.Td>
              <Table.Td className="numeric">{formatPercent(row.error_rate * 100)}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}
