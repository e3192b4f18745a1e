import {
  infiniteQueryOptions,
  keepPreviousData,
  queryOptions,
  useMutation,
  useQueryClient,
} from "@tanstack/react-query";
import { api, unwrap } from "@/api";
import { ALL_BOTS, type Command, commandBot } from "../queries";
import { isTransitional, POLL_IDLE, POLL_TRANSITIONAL } from "../status/state";
import { inParallel } from "./inParallel";
import { sameEnds, withPage } from "./pages";

const PAGE = 50;
const LIST = [...ALL_BOTS, "list"] as const;
const AT_ONCE = 6;

const fetchBots = (search: string, cursor: string | null) =>
  unwrap(
    api.GET("/api/bot", {
      params: { query: { cursor: cursor ?? undefined, limit: PAGE, q: search || undefined } },
    }),
  );

/** Which bots there are. Not polled: of a thousand bots only those on the screen are looked at again. */
export function botPagesQuery(search: string) {
  return infiniteQueryOptions({
    queryKey: [...LIST, "pages", search],
    queryFn: ({ pageParam }) => fetchBots(search, pageParam),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
    refetchOnWindowFocus: false,
  });
}

/** One page of the list as it is now, put into the list: for while it is on the screen. */
export function botPageQuery(search: string, cursor: string | null) {
  return queryOptions({
    queryKey: [...LIST, "page", search, cursor],
    queryFn: async ({ client }) => {
      const page = await fetchBots(search, cursor);
      const { queryKey } = botPagesQuery(search);
      const known = client.getQueryData(queryKey);
      client.setQueryData(queryKey, withPage(known, cursor, page));
      // Bots came or went, so that the pages after this one begin elsewhere.
      if (known && !sameEnds(known, cursor, page)) void client.invalidateQueries({ queryKey });
      return page;
    },
    refetchInterval: ({ state }) =>
      state.data?.items.some((bot) => isTransitional(bot.status)) ? POLL_TRANSITIONAL : POLL_IDLE,
  });
}

export type Progress = { done: number; total: number; failed: { hostname: string; error: unknown }[] };

/** The same command for many bots, a few at a time; tells how far it is. */
export function useBulkCommand(onProgress: (progress: Progress) => void) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: async ({ command, hostnames }: { command: Command; hostnames: readonly string[] }) => {
      const progress: Progress = { done: 0, total: hostnames.length, failed: [] };
      onProgress(progress);
      await inParallel(hostnames, AT_ONCE, async (hostname) => {
        await commandBot(hostname, command).catch((error) => progress.failed.push({ hostname, error }));
        progress.done += 1;
        onProgress({ ...progress, failed: [...progress.failed] });
      });
    },
    onSettled: () => queryClient.invalidateQueries({ queryKey: [...LIST, "page"] }),
  });
}

export const removedBotsQuery = infiniteQueryOptions({
  queryKey: [...ALL_BOTS, "removed"],
  queryFn: ({ pageParam }) =>
    unwrap(api.GET("/api/bot/removed", { params: { query: { cursor: pageParam ?? undefined } } })),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor,
});

export function keptLogsQuery(id: string) {
  return queryOptions({
    queryKey: [...ALL_BOTS, "removed", id, "logs"],
    queryFn: () => unwrap(api.GET("/api/bot/removed/{bot_id}/logs", { params: { path: { bot_id: id } } })),
  });
}
