import { Group, Stack, Text, Timeline } from "@mantine/core";
import { IconHistory } from "@tabler/icons-react";
import { infiniteQueryOptions, useInfiniteQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { api, type BotEvent, unwrap } from "@/api";
import { Ago, EmptyState, LoadMore, QueryView } from "@/components";
import { ALL_BOTS } from "../queries";
import { POLL_IDLE } from "../status/state";

const COLORS: Record<BotEvent["level"], string> = { info: "tide", warning: "orange", error: "red" };

function botEventsQuery(hostname: string) {
  return infiniteQueryOptions({
    queryKey: [...ALL_BOTS, "events", hostname],
    queryFn: ({ pageParam }) =>
      unwrap(
        api.GET("/api/bot/{hostname}/events", {
          params: { path: { hostname }, query: { cursor: pageParam ?? undefined, limit: 30 } },
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: ({ state }) => (state.data && state.data.pages.length > 1 ? false : POLL_IDLE),
  });
}

/** What happened to the bot, newest first. */
export function HistoryTab({ hostname }: { hostname: string }) {
  const { t } = useTranslation();
  const events = useInfiniteQuery(botEventsQuery(hostname));
  const items = events.data?.pages.flatMap((page) => page.items);
  return (
    <QueryView query={{ ...events, data: items }}>
      {(rows) =>
        rows.length === 0 ? (
          <EmptyState icon={<IconHistory />} title={t("history.none")} />
        ) : (
          <>
            <Stack className="panel" p="lg">
              <Timeline
                active={rows.length}
                bulletSize={12}
                lineWidth={2}
                role="list"
                aria-label={t("bots.tabs.history")}
              >
                {rows.map((event) => (
                  <Timeline.Item key={event.id} color={COLORS[event.level]} role="listitem">
                    <EventText event={event} />
                  </Timeline.Item>
                ))}
              </Timeline>
            </Stack>
            <LoadMore query={events} shown={rows.length} />
          </>
        )
      }
    </QueryView>
  );
}

function EventText({ event }: { event: BotEvent }) {
  const { t, i18n } = useTranslation();
  const known = [`history.codes.${event.code}`, `bots.codes.${event.code}`].find((key) => i18n.exists(key));
  return (
    <>
      <Group gap="xs">
        <Text size="sm" fw={600}>
          {event.level !== "info" && (
            <span className="visually-hidden">{t(`history.level.${event.level}`)}: </span>
          )}
          {known ? t(known) : event.code.replaceAll("_", " ")}
        </Text>
        <Text size="xs" c="dimmed" component="span">
          <Ago at={event.at} />
        </Text>
      </Group>
      {event.detail && (
        <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
          {event.detail}
        </Text>
      )}
    </>
  );
}
