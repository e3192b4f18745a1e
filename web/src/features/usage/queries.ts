import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import { api, unwrap } from "@/api";

export type UsageFilter = { hostname?: string; vendor?: string; trace_id?: string; failed?: boolean };

export function usageQuery(filter: UsageFilter) {
  return infiniteQueryOptions({
    queryKey: ["usage", "list", filter],
    queryFn: ({ pageParam }) =>
      unwrap(
        api.GET("/api/usage", {
          params: { query: { cursor: pageParam ?? undefined, limit: 50, ...filter } },
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
    // who comes from a first chat waits for its row, which is written a moment later
    refetchInterval: (query) => (query.state.data?.pages[0]?.items.length ? 10_000 : 2_000),
  });
}

export function usageSummaryQuery(days: number) {
  return queryOptions({
    queryKey: ["usage", "summary", days],
    queryFn: () => unwrap(api.GET("/api/usage/summary", { params: { query: { days } } })),
    placeholderData: keepPreviousData,
    refetchInterval: 30_000,
  });
}
