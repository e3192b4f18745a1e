import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "@/api";
import { toApiError } from "@/api/problem";

export const readyQuery = queryOptions({
  queryKey: ["ready"],
  queryFn: async () => {
    const answer = await api.GET("/health/ready");
    // Not ready is told with 503 and the same body: the checks are what we came for.
    const body: unknown = answer.data ?? answer.error;
    if (typeof body === "object" && body !== null && "checks" in body) {
      return body as NonNullable<typeof answer.data>;
    }
    throw toApiError(answer.response.status, body);
  },
  refetchInterval: 15_000,
});

export const orphansQuery = queryOptions({
  queryKey: ["orphans"],
  queryFn: () => unwrap(api.GET("/api/bot/admin/orphans")),
});

export function useCleanup() {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (dryRun: boolean) =>
      unwrap(api.POST("/api/bot/admin/cleanup", { body: { dry_run: dryRun } })),
    onSuccess: () => queryClient.invalidateQueries(orphansQuery),
  });
}
