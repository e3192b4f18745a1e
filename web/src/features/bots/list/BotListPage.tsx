import { Alert, Button, Group } from "@mantine/core";
import { useDebouncedValue, useDisclosure } from "@mantine/hooks";
import { IconArchive, IconPlugConnectedX, IconPlus, IconSearchOff, IconUpload } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useCallback, useState } from "react";
import { useTranslation } from "react-i18next";
import { systemQuery } from "@/api";
import { EmptyState, ErrorAlert, PageHeader, QueryView } from "@/components";
import { IsolationWarning } from "../IsolationWarning";
import { botCountsQuery } from "../queries";
import { isUnknown } from "../status/state";
import { BotRows } from "./BotRows";
import { BotTable } from "./BotTable";
import { BulkBar } from "./BulkBar";
import { FirstSteps } from "./FirstSteps";
import { passes, type StateFilter } from "./filter";
import { ImportDialog } from "./ImportDialog";
import { ListFilters } from "./ListFilters";
import { MoreBots } from "./MoreBots";
import { botPagesQuery } from "./queries";

const NOBODY: ReadonlySet<string> = new Set();

export function BotListPage() {
  const { t } = useTranslation();
  const [search, setSearch] = useState("");
  const [filter, setFilter] = useState<StateFilter>("all");
  const [chosen, setChosen] = useState(NOBODY);
  const [importing, importDialog] = useDisclosure();
  const [query] = useDebouncedValue(search.trim(), 250);
  const bots = useInfiniteQuery(botPagesQuery(query));
  const counts = useQuery(botCountsQuery).data;
  const system = useQuery(systemQuery);
  const items = bots.data?.pages.flatMap((page) => page.items);
  const none = query === "" && items?.length === 0;
  const shown = items?.filter((bot) => passes(filter, bot.status)) ?? [];

  const choose = useCallback((hostname: string, yes: boolean) => {
    setChosen((before) => {
      const after = new Set(before);
      if (yes) after.add(hostname);
      else after.delete(hostname);
      return after;
    });
  }, []);

  return (
    <>
      <PageHeader
        title={t("nav.bots")}
        description={t("bots.about")}
        actions={<Actions showCreate={!none} onImport={importDialog.open} />}
      />
      <IsolationWarning warning={system.data?.isolation_warning} />
      {items?.some((bot) => isUnknown(bot.status)) && <RuntimeLost />}
      {!none && (
        <ListFilters
          search={search}
          onSearch={setSearch}
          filter={filter}
          onFilter={setFilter}
          counts={counts}
        />
      )}
      <BulkBar chosen={chosen} onClear={() => setChosen(NOBODY)} />
      <QueryView query={{ ...bots, data: items }}>
        {(rows) => {
          if (none) return <FirstSteps />;
          if (rows.length === 0) {
            return <EmptyState icon={<IconSearchOff />} title={t("bots.noneFound", { query })} />;
          }
          return (
            <>
              {shown.length === 0 && !bots.hasNextPage && (
                <EmptyState icon={<IconSearchOff />} title={t("bots.noneInState")} />
              )}
              <div hidden={shown.length === 0}>
                <BotTable
                  all={shown.length > 0 && shown.every((bot) => chosen.has(bot.hostname))}
                  some={chosen.size > 0}
                  onAll={(yes) => setChosen(yes ? new Set(shown.map((bot) => bot.hostname)) : NOBODY)}
                >
                  {bots.data?.pages.map((page, index) => {
                    const cursor = bots.data.pageParams[index] as string | null;
                    return (
                      <BotRows
                        key={cursor ?? "first"}
                        search={query}
                        filter={filter}
                        cursor={cursor}
                        page={page}
                        loadedAt={bots.dataUpdatedAt}
                        chosen={chosen}
                        choose={choose}
                      />
                    );
                  })}
                </BotTable>
              </div>
              {bots.isFetchNextPageError && <ErrorAlert error={bots.error} />}
              <MoreBots query={bots} loaded={rows.length} total={query === "" ? counts?.total : undefined} />
            </>
          );
        }}
      </QueryView>
      <ImportDialog opened={importing} onClose={importDialog.close} />
    </>
  );
}

function Actions({ showCreate, onImport }: { showCreate: boolean; onImport: () => void }) {
  const { t } = useTranslation();
  return (
    <Group gap="xs">
      <Button
        component={Link}
        to="/bots/removed"
        variant="subtle"
        leftSection={<IconArchive size={16} aria-hidden="true" />}
      >
        {t("removed.link")}
      </Button>
      <Button variant="default" leftSection={<IconUpload size={16} aria-hidden="true" />} onClick={onImport}>
        {t("import.action")}
      </Button>
      {showCreate && (
        <Button component={Link} to="/bots/new" leftSection={<IconPlus size={16} aria-hidden="true" />}>
          {t("bots.create")}
        </Button>
      )}
    </Group>
  );
}

function RuntimeLost() {
  const { t } = useTranslation();
  return (
    <Alert
      color="orange"
      mb="md"
      role="alert"
      icon={<IconPlugConnectedX aria-hidden="true" />}
      title={t("bots.codes.runtime_unavailable")}
    >
      {t("bots.advice.runtime_unavailable")}
    </Alert>
  );
}
