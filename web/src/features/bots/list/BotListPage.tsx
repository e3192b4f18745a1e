import { Button, Group, Text, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconPlus, IconSearch, IconSearchOff } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { systemQuery } from "@/api";
import { EmptyState, LoadMore, PageHeader, QueryView } from "@/components";
import { formatNumber } from "@/lib/format";
import { BotTable } from "./BotTable";
import { FirstSteps } from "./FirstSteps";
import { IsolationWarning } from "./IsolationWarning";
import { botCountsQuery, botsQuery } from "./queries";

export function BotListPage() {
  const { t } = useTranslation();
  const [search, setSearch] = useState("");
  const [query] = useDebouncedValue(search.trim(), 250);
  const bots = useInfiniteQuery(botsQuery(query));
  const counts = useQuery(botCountsQuery);
  const system = useQuery(systemQuery);
  const items = bots.data?.pages.flatMap((page) => page.items);
  const none = query === "" && items?.length === 0;

  return (
    <>
      <PageHeader
        title={t("nav.bots")}
        description={t("bots.about")}
        actions={
          !none && (
            <Button component={Link} to="/bots/new" leftSection={<IconPlus size={16} aria-hidden="true" />}>
              {t("bots.create")}
            </Button>
          )
        }
      />
      <IsolationWarning warning={system.data?.isolation_warning} />
      {!none && (
        <Group justify="space-between" mb="sm" gap="sm">
          <TextInput
            type="search"
            aria-label={t("bots.search")}
            placeholder={t("bots.search")}
            leftSection={<IconSearch size={16} aria-hidden="true" />}
            value={search}
            onChange={(event) => setSearch(event.currentTarget.value)}
            w={{ base: "100%", xs: 300 }}
          />
          <Counts counts={counts.data} />
        </Group>
      )}
      <QueryView query={{ ...bots, data: items }}>
        {(rows) => {
          if (none) return <FirstSteps />;
          if (rows.length === 0) {
            return <EmptyState icon={<IconSearchOff />} title={t("bots.noneFound", { query })} />;
          }
          return (
            <>
              <BotTable bots={rows} />
              <LoadMore query={bots} shown={rows.length} />
            </>
          );
        }}
      </QueryView>
    </>
  );
}

function Counts({
  counts,
}: {
  counts: { total: number; by_state: Partial<Record<string, number>> } | undefined;
}) {
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
