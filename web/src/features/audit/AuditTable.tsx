import { Stack, Table, Text } from "@mantine/core";
import { IconListSearch } from "@tabler/icons-react";
import { useInfiniteQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { AuditEvent } from "@/api";
import { Ago, EmptyState, LoadMore, Pill, QueryView } from "@/components";
import { NOTHING } from "@/lib/format";
import { type AuditFilter, auditQuery } from "./queries";

export function AuditTable(filter: AuditFilter) {
  const { t } = useTranslation();
  const audit = useInfiniteQuery(auditQuery(filter));
  const items = audit.data?.pages.flatMap((page) => page.items);
  return (
    <QueryView query={{ ...audit, data: items }}>
      {(rows) =>
        rows.length === 0 ? (
          <EmptyState icon={<IconListSearch />} title={t("audit.none")} />
        ) : (
          <>
            <div className="panel">
              <Table className="data-table" verticalSpacing={6} horizontalSpacing={8}>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>{t("audit.time")}</Table.Th>
                    <Table.Th visibleFrom="sm">{t("audit.who")}</Table.Th>
                    <Table.Th>{t("audit.what")}</Table.Th>
                    <Table.Th visibleFrom="md">{t("audit.detail")}</Table.Th>
                    <Table.Th>{t("audit.outcome")}</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {rows.map((row) => (
                    <AuditRow key={row.seq} row={row} />
                  ))}
                </Table.Tbody>
              </Table>
            </div>
            <LoadMore query={audit} shown={rows.length} />
          </>
        )
      }
    </QueryView>
  );
}

function AuditRow({ row }: { row: AuditEvent }) {
  const { t } = useTranslation();
  const who = row.actor ?? t(row.via === "system" ? "audit.system" : "audit.unknown");
  return (
    <Table.Tr>
      <Table.Td style={{ whiteSpace: "nowrap" }}>
        <Text size="sm">
          <Ago at={row.at} />
        </Text>
        <Text size="xs" c="dimmed" className="mono">
          {row.seq}
        </Text>
      </Table.Td>
      <Table.Td visibleFrom="sm">
        <Text size="sm" style={{ overflowWrap: "anywhere" }}>
          {who}
        </Text>
        <Text size="xs" c="dimmed">
          {t(`audit.via.${row.via}`)}
          {row.ip && ` · ${row.ip}`}
        </Text>
      </Table.Td>
      <Table.Td>
        <Text size="sm">
          {t(`audit.actions.${row.action}`)} · {t(`audit.kinds.${row.kind}`)}
        </Text>
        <Text size="xs" c="dimmed" className="mono" style={{ overflowWrap: "anywhere" }}>
          {row.target}
        </Text>
        <Stack gap={0} hiddenFrom="sm">
          <Text size="xs" c="dimmed" style={{ overflowWrap: "anywhere" }}>
            {who}
          </Text>
        </Stack>
      </Table.Td>
      <Table.Td visibleFrom="md">
        <Text
          size="xs"
          c="dimmed"
          className="mono"
          style={{ overflowWrap: "anywhere" }}
          title={row.trace_id ?? ""}
        >
          {row.fields.join(", ") || row.detail || NOTHING}
        </Text>
      </Table.Td>
      <Table.Td>
        <Pill tone={row.code ? "bad" : "good"} title={row.code ?? undefined}>
          {t(row.code ? "audit.outcomes.refused" : "audit.outcomes.done")}
        </Pill>
      </Table.Td>
    </Table.Tr>
  );
}
