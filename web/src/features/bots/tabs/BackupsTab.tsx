import { ActionIcon, Button, Group, Stack, Table, Text } from "@mantine/core";
import { IconArchive, IconPlus, IconRestore, IconTrash } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Backup, Bot } from "@/api";
import { Ago, Confirm, EmptyState, QueryView } from "@/components";
import { formatBytes, formatDateTime } from "@/lib/format";
import { notify, notifyError } from "@/lib/notify";
import { isTransitional } from "../status/state";
import { backupsQuery, useBackups } from "./backups";

type Chosen = { action: "restore" | "delete"; backup: Backup };

export function BackupsTab({ bot }: { bot: Bot }) {
  const { t } = useTranslation();
  const backups = useQuery(backupsQuery(bot.hostname));
  const change = useBackups(bot.hostname);
  const [chosen, setChosen] = useState<Chosen | null>(null);
  const stopped = bot.status.desired === "stopped" && !isTransitional(bot.status);

  async function make() {
    try {
      await change.mutateAsync({ action: "make" });
      notify({ title: bot.name, message: t("backups.made") });
    } catch (error) {
      notifyError(error, bot.name);
    }
  }

  return (
    <Stack gap="sm">
      <Group justify="space-between" align="flex-start">
        <Text size="sm" c="dimmed" maw="40rem">
          {t("backups.about")}
        </Text>
        <Button
          leftSection={<IconPlus size={16} aria-hidden="true" />}
          loading={change.isPending && change.variables.action === "make"}
          onClick={make}
        >
          {t("backups.make")}
        </Button>
      </Group>
      <QueryView query={backups}>
        {(rows) =>
          rows.length === 0 ? (
            <EmptyState icon={<IconArchive />} title={t("backups.none")} />
          ) : (
            <>
              {!stopped && (
                <Text size="sm" role="note">
                  {t("backups.stopFirst")}
                </Text>
              )}
              <BackupTable rows={rows} mayRestore={stopped && !bot.is_restoring} onChoose={setChosen} />
            </>
          )
        }
      </QueryView>
      <Confirm
        opened={chosen !== null}
        onClose={() => setChosen(null)}
        title={t(chosen?.action === "delete" ? "backups.deleteTitle" : "backups.restoreTitle")}
        action={t(chosen?.action === "delete" ? "action.delete" : "backups.restore")}
        onConfirm={async () => {
          if (chosen) await change.mutateAsync({ action: chosen.action, id: chosen.backup.id });
        }}
      >
        <Text size="sm">
          {t(chosen?.action === "delete" ? "backups.deleteText" : "backups.restoreText", {
            time: formatDateTime(chosen?.backup.created_at),
          })}
        </Text>
      </Confirm>
    </Stack>
  );
}

type TableProps = { rows: readonly Backup[]; mayRestore: boolean; onChoose: (chosen: Chosen) => void };

function BackupTable({ rows, mayRestore, onChoose }: TableProps) {
  const { t } = useTranslation();
  return (
    <div className="panel">
      <Table className="data-table" horizontalSpacing="md">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t("backups.when")}</Table.Th>
            <Table.Th className="numeric" visibleFrom="xs">
              {t("backups.size")}
            </Table.Th>
            <Table.Th w={1}>{t("table.actions")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((backup) => {
            const time = formatDateTime(backup.created_at);
            return (
              <Table.Tr key={backup.id}>
                <Table.Td>
                  <Ago at={backup.created_at} />
                  <Text size="xs" c="dimmed">
                    {t(`backups.reasons.${backup.reason}`, { defaultValue: backup.reason })}
                  </Text>
                </Table.Td>
                <Table.Td className="numeric" visibleFrom="xs">
                  {formatBytes(backup.size_bytes)}
                </Table.Td>
                <Table.Td>
                  <Group gap={4} wrap="nowrap" justify="flex-end">
                    <Button
                      size="xs"
                      variant="default"
                      leftSection={<IconRestore size={14} aria-hidden="true" />}
                      disabled={!mayRestore}
                      aria-label={t("backups.restoreFrom", { time })}
                      onClick={() => onChoose({ action: "restore", backup })}
                    >
                      {t("backups.restore")}
                    </Button>
                    <ActionIcon
                      variant="subtle"
                      color="red"
                      aria-label={t("backups.deleteFrom", { time })}
                      onClick={() => onChoose({ action: "delete", backup })}
                    >
                      <IconTrash size={16} />
                    </ActionIcon>
                  </Group>
                </Table.Td>
              </Table.Tr>
            );
          })}
        </Table.Tbody>
      </Table>
    </div>
  );
}
