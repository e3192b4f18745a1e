import { Alert, Button, Checkbox, Group, Stack, Table, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconEraser } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { CleanupOut, Orphan } from "@/api";
import { Ago, Confirm, ErrorAlert, QueryView } from "@/components";
import { formatBytes } from "@/lib/format";
import { keyOf, orphansQuery, useCleanup } from "./queries";

/** What belongs to no bot any more: looked at first, then cleaned up, all of it or what was chosen. */
export function Orphans() {
  const { t } = useTranslation();
  const orphans = useQuery(orphansQuery);
  const cleanup = useCleanup();
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed" maw="44rem">
        {t("orphans.about")}
      </Text>
      <QueryView query={orphans}>
        {(rows) =>
          rows.length === 0 ? (
            <Text size="sm">{t("orphans.none")}</Text>
          ) : (
            <Choice rows={rows} cleanup={cleanup} />
          )
        }
      </QueryView>
      {cleanup.error && <ErrorAlert error={cleanup.error} />}
      {cleanup.data && <Outcome done={cleanup.data} />}
    </Stack>
  );
}

function Choice({ rows, cleanup }: { rows: readonly Orphan[]; cleanup: ReturnType<typeof useCleanup> }) {
  const { t } = useTranslation();
  const [spared, setSpared] = useState<ReadonlySet<string>>(new Set());
  const [confirming, { open, close }] = useDisclosure();
  const chosen = rows.filter((row) => !spared.has(keyOf(row)));
  const run = (dryRun: boolean) => cleanup.mutateAsync({ dryRun, ids: chosen.map((row) => row.id) });

  function choose(row: Orphan, yes: boolean) {
    const next = new Set(spared);
    if (yes) next.delete(keyOf(row));
    else next.add(keyOf(row));
    setSpared(next);
  }

  return (
    <>
      <Table className="data-table" verticalSpacing={6}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th w={1}>
              <Checkbox
                size="xs"
                aria-label={t("orphans.chooseAll")}
                checked={chosen.length === rows.length}
                indeterminate={chosen.length > 0 && chosen.length < rows.length}
                onChange={(event) => setSpared(new Set(event.currentTarget.checked ? [] : rows.map(keyOf)))}
              />
            </Table.Th>
            <Table.Th>{t("orphans.what")}</Table.Th>
            <Table.Th>{t("orphans.detail")}</Table.Th>
            <Table.Th visibleFrom="xs">{t("orphans.age")}</Table.Th>
            <Table.Th className="numeric" visibleFrom="xs">
              {t("backups.size")}
            </Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <OrphanRow
              key={keyOf(row)}
              row={row}
              chosen={!spared.has(keyOf(row))}
              onChoose={(yes) => choose(row, yes)}
            />
          ))}
        </Table.Tbody>
      </Table>
      <Group>
        <Button
          variant="default"
          disabled={chosen.length === 0}
          loading={cleanup.isPending && cleanup.variables.dryRun}
          onClick={() => run(true).catch(() => undefined)}
        >
          {t("orphans.dryRun")}
        </Button>
        <Button
          variant="default"
          c={chosen.length === 0 ? undefined : "var(--mantine-color-error)"}
          disabled={chosen.length === 0}
          leftSection={<IconEraser size={16} aria-hidden="true" />}
          onClick={open}
        >
          {t("orphans.cleanup")}
        </Button>
      </Group>
      <Confirm
        opened={confirming}
        onClose={close}
        title={t("orphans.cleanup")}
        action={t("orphans.cleanup")}
        onConfirm={() => run(false)}
      >
        <Text size="sm">{t("orphans.confirm", { count: chosen.length })}</Text>
      </Confirm>
    </>
  );
}

type RowProps = { row: Orphan; chosen: boolean; onChoose: (yes: boolean) => void };

function OrphanRow({ row, chosen, onChoose }: RowProps) {
  const { t } = useTranslation();
  const name = row.hostname ?? row.id;
  const kind = t(`orphans.kind.${row.kind}`, { defaultValue: row.kind });
  return (
    <Table.Tr>
      <Table.Td>
        <Checkbox
          size="xs"
          aria-label={`${kind} ${name}`}
          checked={chosen}
          onChange={(event) => onChoose(event.currentTarget.checked)}
        />
      </Table.Td>
      <Table.Td>
        {kind}
        <Text size="xs" c="dimmed" className="mono" style={{ overflowWrap: "anywhere" }}>
          {name}
        </Text>
      </Table.Td>
      <Table.Td>{row.detail}</Table.Td>
      <Table.Td visibleFrom="xs">
        <Ago at={row.created_at} />
      </Table.Td>
      <Table.Td className="numeric" visibleFrom="xs">
        {formatBytes(row.size_bytes)}
      </Table.Td>
    </Table.Tr>
  );
}

function Outcome({ done }: { done: CleanupOut }) {
  const { t } = useTranslation();
  const names = done.removed.map((item) => item.hostname ?? item.id).join(", ");
  return (
    <Alert color={done.failed?.length ? "orange" : "green"} role="status">
      {t(done.dry_run ? "orphans.wouldRemove" : "orphans.removed", { count: done.removed.length })}
      {names && `: ${names}`}
      {done.failed?.length ? ` ${t("orphans.failed", { count: done.failed.length })}` : ""}
    </Alert>
  );
}
