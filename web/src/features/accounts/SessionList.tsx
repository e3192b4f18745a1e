import { Button, Group, Table, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { UserSession } from "@/api";
import { Ago, Confirm, Pill, QueryView } from "@/components";
import { notifyError } from "@/lib/notify";
import { deviceOf } from "./device";
import { sessionsQuery, useEndSession } from "./security";

export function SessionList() {
  const { t } = useTranslation();
  const sessions = useQuery(sessionsQuery);
  const end = useEndSession();
  const [endingAll, setEndingAll] = useState(false);
  const others = sessions.data?.filter((one) => !one.is_current).length ?? 0;
  return (
    <QueryView query={sessions}>
      {(rows) => (
        <>
          <div className="panel">
            <Table className="data-table" verticalSpacing="xs" horizontalSpacing="sm">
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>{t("sessions.where")}</Table.Th>
                  <Table.Th visibleFrom="xs">{t("sessions.since")}</Table.Th>
                  <Table.Th>{t("sessions.used")}</Table.Th>
                  <Table.Th w={1}>
                    <span className="visually-hidden">{t("table.actions")}</span>
                  </Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {rows.map((row) => (
                  <SessionRow
                    key={row.id}
                    row={row}
                    ending={end.isPending && end.variables === row.id}
                    onEnd={() => end.mutate(row.id, { onError: (error) => notifyError(error) })}
                  />
                ))}
              </Table.Tbody>
            </Table>
          </div>
          {others > 0 && (
            <Group mt="sm">
              <Button variant="default" onClick={() => setEndingAll(true)}>
                {t("sessions.endOthers", { count: others })}
              </Button>
            </Group>
          )}
          <Confirm
            opened={endingAll}
            onClose={() => setEndingAll(false)}
            title={t("sessions.endOthers", { count: others })}
            action={t("sessions.end")}
            onConfirm={() => end.mutateAsync(null)}
          >
            <Text size="sm">{t("sessions.endOthersText")}</Text>
          </Confirm>
        </>
      )}
    </QueryView>
  );
}

type RowProps = { row: UserSession; ending: boolean; onEnd: () => void };

function SessionRow({ row, ending, onEnd }: RowProps) {
  const { t } = useTranslation();
  const device = deviceOf(row.user_agent) ?? t("sessions.unknown");
  return (
    <Table.Tr>
      <Table.Td>
        <Text size="sm" fw={600} title={row.user_agent ?? undefined}>
          {device}
        </Text>
        <Text size="xs" c="dimmed" className="mono">
          {row.ip}
        </Text>
      </Table.Td>
      <Table.Td visibleFrom="xs">
        <Ago at={row.created_at} />
      </Table.Td>
      <Table.Td>
        {row.is_current ? <Pill tone="good">{t("sessions.here")}</Pill> : <Ago at={row.used_at} />}
      </Table.Td>
      <Table.Td>
        {!row.is_current && (
          <Button
            size="xs"
            variant="default"
            loading={ending}
            aria-label={t("sessions.endNamed", { device })}
            onClick={onEnd}
          >
            {t("sessions.end")}
          </Button>
        )}
      </Table.Td>
    </Table.Tr>
  );
}
