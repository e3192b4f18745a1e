import { Group, NativeSelect, Text, TextInput } from "@mantine/core";
import { IconSearch } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { formatNumber } from "@/lib/format";
import { STATE_FILTERS, type StateFilter } from "./filter";

type Props = {
  search: string;
  onSearch: (search: string) => void;
  filter: StateFilter;
  onFilter: (filter: StateFilter) => void;
  counts: { total: number; by_state: Partial<Record<string, number>> } | undefined;
};

export function ListFilters({ search, onSearch, filter, onFilter, counts }: Props) {
  const { t } = useTranslation();
  return (
    <Group justify="space-between" mb="sm" gap="sm">
      <Group gap="sm" style={{ flex: "1 1 20rem" }}>
        <TextInput
          type="search"
          aria-label={t("bots.search")}
          placeholder={t("bots.search")}
          leftSection={<IconSearch size={16} aria-hidden="true" />}
          value={search}
          onChange={(event) => onSearch(event.currentTarget.value)}
          w={{ base: "100%", xs: 260 }}
        />
        <NativeSelect
          aria-label={t("bots.state")}
          data={STATE_FILTERS.map((value) => ({ value, label: t(`bots.filter.${value}`) }))}
          value={filter}
          onChange={(event) => onFilter(event.currentTarget.value as StateFilter)}
        />
      </Group>
      <Counts counts={counts} />
    </Group>
  );
}

function Counts({ counts }: Pick<Props, "counts">) {
  const { t } = useTranslation();
  if (!counts) return null;
  const { running = 0, error = 0 } = counts.by_state;
  return (
    <Text size="sm" c="dimmed">
      {t("bots.counts", { total: formatNumber(counts.total), running: formatNumber(running) })}
      {error > 0 && (
        <Text span c="var(--mantine-color-error)" fw={600}>
          {" · "}
          {t("bots.countErrors", { count: error })}
        </Text>
      )}
    </Text>
  );
}
