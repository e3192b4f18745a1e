import { queryOptions } from "@tanstack/react-query";
import { api, type ContainerUse, unwrap } from "@/api";

export const diagnosticsQuery = queryOptions({
  queryKey: ["diagnostics"],
  queryFn: () => unwrap(api.GET("/api/diagnostics")),
  refetchInterval: 5_000,
});

export type Column = keyof Pick<
  ContainerUse,
  | "hostname"
  | "owner"
  | "state"
  | "cpu_percent"
  | "memory_bytes"
  | "processes"
  | "received_bytes"
  | "uptime_seconds"
>;
export type Sorting = { column: Column; descending: boolean };

/** Rows by one column; what is not known is last in both directions. */
export function sorted(rows: readonly ContainerUse[], { column, descending }: Sorting): ContainerUse[] {
  const sign = descending ? -1 : 1;
  return rows.toSorted((left, right) => {
    const a = left[column];
    const b = right[column];
    if (a == null || b == null) return Number(a == null) - Number(b == null);
    if (typeof a === "number" && typeof b === "number") return sign * (a - b);
    return sign * String(a).localeCompare(String(b));
  });
}

/** Numbers are wanted largest first, words from A; a second click turns it round. */
export function nextSorting(before: Sorting, column: Column): Sorting {
  if (before.column === column) return { column, descending: !before.descending };
  return { column, descending: !["hostname", "owner", "state"].includes(column) };
}
