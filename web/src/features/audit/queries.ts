import { infiniteQueryOptions, keepPreviousData } from "@tanstack/react-query";
import { type AuditEvent, api, send, unwrap } from "@/api";

export type AuditFilter = {
  action?: AuditEvent["action"];
  kind?: AuditEvent["kind"];
  target?: string;
  refused?: boolean;
  everybody?: boolean;
};

export const ACTIONS = [
  "CREATE",
  "UPDATE",
  "DELETE",
  "LOGIN",
  "LOGOUT",
  "START",
  "STOP",
  "EXPORT",
  "IMPORT",
] as const satisfies readonly AuditEvent["action"][];

export const KINDS = [
  "user",
  "session",
  "api_token",
  "provider_key",
  "bot",
  "bot_token",
  "backup",
  "orphan",
] as const satisfies readonly AuditEvent["kind"][];

export function auditQuery(filter: AuditFilter) {
  return infiniteQueryOptions({
    queryKey: ["audit", filter],
    queryFn: ({ pageParam }) =>
      unwrap(
        api.GET("/api/audit", {
          params: { query: { cursor: pageParam ?? undefined, limit: 50, ...filter } },
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    placeholderData: keepPreviousData,
  });
}

/** All that matches as CSV. */
export async function exportAudit(filter: AuditFilter): Promise<Blob> {
  const given = Object.entries(filter).filter(([, value]) => value !== undefined);
  const query = new URLSearchParams(given.map(([name, value]) => [name, String(value)]));
  return (await send(`/api/audit/export?${query}`)).blob();
}
