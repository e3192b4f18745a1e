import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "@/api";

export const apiTokensQuery = queryOptions({
  queryKey: ["api-token"],
  queryFn: () => unwrap(api.GET("/api/api-token")),
});

export function useMakeApiToken() {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (body: { name: string; expires_in_days: number | null }) =>
      unwrap(api.POST("/api/api-token", { body })),
    onSuccess: () => queryClient.invalidateQueries(apiTokensQuery),
  });
}

export function useRevokeApiToken() {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (id: string) =>
      unwrap(api.DELETE("/api/api-token/{token_id}", { params: { path: { token_id: id } } })),
    onSuccess: () => queryClient.invalidateQueries(apiTokensQuery),
  });
}
