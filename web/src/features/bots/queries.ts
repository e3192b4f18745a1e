import {
  infiniteQueryOptions,
  keepPreviousData,
  queryOptions,
  useMutation,
  useQueryClient,
} from "@tanstack/react-query";
import { api, asApiError, type Bot, type BotIn, unwrap } from "@/api";
import { isTransitional, POLL_IDLE, POLL_TRANSITIONAL } from "./state";

const ALL = ["bot"] as const;
const PAGE = 100;

export function botsQuery(search: string) {
  return infiniteQueryOptions({
    queryKey: [...ALL, "list", search],
    queryFn: ({ pageParam }) =>
      unwrap(
        api.GET("/api/bot", {
          params: { query: { cursor: pageParam ?? undefined, limit: PAGE, q: search || undefined } },
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
    refetchInterval: ({ state }) =>
      state.data?.pages.some((page) => page.items.some((bot) => isTransitional(bot.status)))
        ? POLL_TRANSITIONAL
        : POLL_IDLE,
  });
}

export const botCountsQuery = queryOptions({
  queryKey: [...ALL, "counts"],
  queryFn: () => unwrap(api.GET("/api/bot/stats")),
  refetchInterval: POLL_IDLE,
});

export function botQuery(hostname: string) {
  return queryOptions({
    queryKey: [...ALL, "one", hostname],
    queryFn: () => unwrap(api.GET("/api/bot/{hostname}", { params: { path: { hostname } } })),
    refetchInterval: ({ state }) => {
      if (state.error && asApiError(state.error).status === 404) return false;
      return state.data && isTransitional(state.data.status) ? POLL_TRANSITIONAL : POLL_IDLE;
    },
  });
}

export function botStatsQuery(hostname: string) {
  return queryOptions({
    queryKey: [...ALL, "stats", hostname],
    queryFn: () => unwrap(api.GET("/api/bot/{hostname}/stats", { params: { path: { hostname } } })),
    refetchInterval: 3_000,
  });
}

export function botLogsQuery(hostname: string, tail: number) {
  return queryOptions({
    queryKey: [...ALL, "logs", hostname, tail],
    queryFn: () =>
      unwrap(api.GET("/api/bot/{hostname}/logs", { params: { path: { hostname }, query: { tail } } })),
    placeholderData: keepPreviousData,
  });
}

export function botTokensQuery(hostname: string) {
  return queryOptions({
    queryKey: [...ALL, "tokens", hostname],
    queryFn: () => unwrap(api.GET("/api/bot/{hostname}/token", { params: { path: { hostname } } })),
  });
}

export function personaTemplatesQuery(locale: "en" | "zh-CN") {
  return queryOptions({
    queryKey: ["persona-template", locale],
    queryFn: () => unwrap(api.GET("/api/persona-template", { params: { query: { locale } } })),
    staleTime: 300_000,
  });
}

export function useCreateBot() {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (body: BotIn) => unwrap(api.POST("/api/bot", { body })),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ALL }),
  });
}

/** Start, stop or delete: writes what is wanted and shows at once what the server said it will do. */
export function useBotCommand(hostname: string) {
  const queryClient = useQueryClient();
  const path = { path: { hostname } };
  return useMutation({
    mutationFn: (command: "start" | "stop" | "delete"): Promise<Bot> => {
      if (command === "delete") return unwrap(api.DELETE("/api/bot/{hostname}", { params: path }));
      const route = command === "start" ? "/api/bot/{hostname}/start" : "/api/bot/{hostname}/stop";
      return unwrap(api.POST(route, { params: path }));
    },
    onSuccess: async (bot) => {
      queryClient.setQueryData(botQuery(hostname).queryKey, bot);
      await queryClient.invalidateQueries({ queryKey: [...ALL, "list"] });
    },
  });
}

export function useMakeToken(hostname: string) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (body: { name: string; expires_in_days: number | null }) =>
      unwrap(api.POST("/api/bot/{hostname}/token", { params: { path: { hostname } }, body })),
    onSuccess: () => queryClient.invalidateQueries(botTokensQuery(hostname)),
  });
}

export function useRevokeToken(hostname: string) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      unwrap(
        api.DELETE("/api/bot/{hostname}/token/{token_id}", { params: { path: { hostname, token_id: id } } }),
      ),
    onSuccess: () => queryClient.invalidateQueries(botTokensQuery(hostname)),
  });
}
