import { infiniteQueryOptions, queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, type ProviderKeyIn, type ProviderKeyPatch, type System, unwrap } from "@/api";

const ALL = ["provider-key"] as const;

export const vendorsQuery = queryOptions({
  queryKey: ["vendor"],
  queryFn: () => unwrap(api.GET("/api/vendor")),
  staleTime: Number.POSITIVE_INFINITY,
});

export const keysQuery = infiniteQueryOptions({
  queryKey: [...ALL, "list"],
  queryFn: ({ pageParam }) =>
    unwrap(api.GET("/api/provider-key", { params: { query: { cursor: pageParam ?? undefined } } })),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor,
});

export const keyHealthQuery = queryOptions({
  queryKey: [...ALL, "health"],
  queryFn: () => unwrap(api.GET("/api/provider-key/health")),
});

export function keyModelsQuery(id: string) {
  return queryOptions({
    queryKey: [...ALL, "models", id],
    queryFn: () => unwrap(api.GET("/api/provider-key/{key_id}/models", { params: { path: { key_id: id } } })),
    staleTime: 60_000,
  });
}

function useRefresh() {
  const queryClient = useQueryClient();
  return () => queryClient.invalidateQueries({ queryKey: ALL });
}

export function useAddKey() {
  return useMutation({
    mutationFn: (body: ProviderKeyIn) => unwrap(api.POST("/api/provider-key", { body })),
    onSuccess: useRefresh(),
  });
}

/** The simulated provider is a key like any other, at an address that the server itself answers. */
export function useAddSimulatedKey() {
  const add = useAddKey();
  return {
    ...add,
    addFor: (system: System) =>
      add.mutateAsync({
        vendor: "custom",
        label: "Simulated provider",
        base_url: system.simulated_base_url,
        enabled: true,
        notes: "",
      }),
  };
}

export function useChangeKey(id: string) {
  return useMutation({
    mutationFn: (body: ProviderKeyPatch) =>
      unwrap(api.PATCH("/api/provider-key/{key_id}", { params: { path: { key_id: id } }, body })),
    onSuccess: useRefresh(),
  });
}

export function useVerifyKey(id: string) {
  return useMutation({
    mutationFn: () =>
      unwrap(api.POST("/api/provider-key/{key_id}/verify", { params: { path: { key_id: id } } })),
    onSuccess: useRefresh(),
  });
}

export function useDeleteKey(id: string) {
  return useMutation({
    mutationFn: () => unwrap(api.DELETE("/api/provider-key/{key_id}", { params: { path: { key_id: id } } })),
    onSuccess: useRefresh(),
  });
}
