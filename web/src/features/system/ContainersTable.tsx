import { Group, Table, Text, UnstyledButton } from "@mantine/core";
import { IconChevronDown, IconChevronUp } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { ContainerUse } from "@/api";
import { formatBytes, formatDuration, formatNumber, formatPercent, NOTHING } from "@/lib/format";
import { type Column, nextSorting, type Sorting, sorted } from "./diagnostics";

const COLUMNS: readonly Column[] = [
  "hostname",
  "owner",
  "state",
  "cpu_percent",
  "memory_bytes",
  "processes",
  "received_bytes",
  "uptime_seconds",
];
const WORDS: ReadonlySet<Column> = new Set(["hostname", "owner", "state"]);

/** What each container uses now, over all users. */
export function ContainersTable({ containers }: { containers: readonly ContainerUse[] }) {
  const { t } = useTranslation();
  const [sorting, setSorting] = useState<Sorting>({ column: "cpu_percent", descending: true });
  if (containers.length === 0) return <Text size="sm">{t("diagnostics.noContainers")}</Text>;
  return (
    <Table.ScrollContainer minWidth={760} scrollAreaProps={{ viewportProps: { tabIndex: 0 } }}>
      <Table className="data-table" verticalSpacing={6}>
        <Table.Thead>
          <Table.Tr>
            {COLUMNS.map((column) => (
              <Head key={column} column={column} sorting={sorting} onSort={setSorting} />
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {sorted(containers, sorting).map((use) => (
            <Table.Tr key={`${use.owner}/${use.hostname}`}>
              {COLUMNS.map((column) => (
                <Table.Td key={column} className={WORDS.has(column) ? undefined : "numeric"}>
                  {column === "state"
                    ? t(`bots.states.${use.state}`, { defaultValue: use.state })
                    : cell(use, column)}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

type HeadProps = { column: Column; sorting: Sorting; onSort: (sorting: Sorting) => void };

function Head({ column, sorting, onSort }: HeadProps) {
  const { t } = useTranslation();
  const active = sorting.column === column;
  const Icon = sorting.descending ? IconChevronDown : IconChevronUp;
  return (
    <Table.Th
      className={WORDS.has(column) ? undefined : "numeric"}
      aria-sort={active ? (sorting.descending ? "descending" : "ascending") : "none"}
    >
      <UnstyledButton
        fz="inherit"
        fw="inherit"
        c="inherit"
        onClick={() => onSort(nextSorting(sorting, column))}
      >
        <Group gap={2} wrap="nowrap">
          {t(`diagnostics.column.${column}`)}
          {active && <Icon size={12} aria-hidden="true" />}
        </Group>
      </UnstyledButton>
    </Table.Th>
  );
}

function cell(use: ContainerUse, column: Column): string {
  switch (column) {
    case "cpu_percent":
      return formatPercent(use.cpu_percent);
    case "memory_bytes":
      return use.memory_limit_bytes
        ? `${formatBytes(use.memory_bytes)} / ${formatBytes(use.memory_limit_bytes)}`
        : formatBytes(use.memory_bytes);
    case "received_bytes":
      return `↓ ${formatBytes(use.received_bytes)} ↑ ${formatBytes(use.sent_bytes)}`;
    case "uptime_seconds":
      return formatDuration(use.uptime_seconds);
    case "processes":
      return formatNumber(use.processes);
    default:
      return use[column] ?? NOTHING;
  }
}
