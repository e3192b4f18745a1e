import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, asApiError, type Bot, type BotIn, unwrap } from "@/api";
import { isTransitional, POLL_IDLE, POLL_TRANSITIONAL } from "./status/state";

export const ALL_BOTS = ["bot"] as const;

export const botCountsQuery = queryOptions({
  queryKey: [...ALL_BOTS, "counts"],
  queryFn: () => unwrap(api.GET("/api/bot/stats")),
  refetchInterval: POLL_IDLE,
});

export function botQuery(hostname: string) {
  return queryOptions({
    queryKey: [...ALL_BOTS, "one", hostname],
    queryFn: () => unwrap(api.GET("/api/bot/{hostname}", { params: { path: { hostname } } })),
    refetchInterval: ({ state }) => {
      if (state.error && asApiError(state.error).status === 404) return false;
      const moves = state.data && (state.data.is_restoring || isTransitional(state.data.status));
      return moves ? POLL_TRANSITIONAL : POLL_IDLE;
    },
  });
}

export function botStatsQuery(hostname: string) {
  return queryOptions({
    queryKey: [...ALL_BOTS, "stats", hostname],
    queryFn: () => unwrap(api.GET("/api/bot/{hostname}/stats", { params: { path: { hostname } } })),
    refetchInterval: 3_000,
  });
}

export function botTokensQuery(hostname: string) {
  return queryOptions({
    queryKey: [...ALL_BOTS, "tokens", hostname],
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
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ALL_BOTS }),
  });
}

export type Command = "start" | "stop" | "restart" | "delete";

export function commandBot(hostname: string, command: Command): Promise<Bot> {
  const params = { path: { hostname } };
  switch (command) {
    case "start":
      return unwrap(api.POST("/api/bot/{hostname}/start", { params }));
    case "stop":
      return unwrap(api.POST("/api/bot/{hostname}/stop", { params }));
    case "restart":
      return unwrap(api.POST("/api/bot/{hostname}/restart", { params }));
    case "delete":
      return unwrap(api.DELETE("/api/bot/{hostname}", { params }));
  }
}

/** Writes what is wanted and shows at once what the server said it will do. */
export function useBotCommand(hostname: string) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (command: Command) => commandBot(hostname, command),
    onSuccess: async (bot) => {
      queryClient.setQueryData(botQuery(hostname).queryKey, bot);
      await queryClient.invalidateQueries({ queryKey: [...ALL_BOTS, "list", "page"] });
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
