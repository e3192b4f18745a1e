import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { send } from "@/api";
import { ALL_BOTS } from "../queries";

export type Backup = { id: string; created_at: string; size_bytes: number; reason: string };

const pathOf = (hostname: string) => `/api/bot/${encodeURIComponent(hostname)}/backup`;

/** A list that comes whole, or as the first of pages. */
function itemsOf(answer: Backup[] | { items: Backup[] }): Backup[] {
  return Array.isArray(answer) ? answer : answer.items;
}

export function backupsQuery(hostname: string) {
  return queryOptions({
    queryKey: [...ALL_BOTS, "backups", hostname],
    queryFn: async () => itemsOf(await (await send(pathOf(hostname))).json()),
  });
}

type Change = { action: "make" } | { action: "restore" | "delete"; id: string };

export function useBackups(hostname: string) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (change: Change) => {
      const path = pathOf(hostname);
      if (change.action === "make") return send(path, { method: "POST" });
      if (change.action === "delete") return send(`${path}/${change.id}`, { method: "DELETE" });
      return send(`${path}/${change.id}/restore`, { method: "POST" });
    },
    onSuccess: async (_, { action }) => {
      await queryClient.invalidateQueries(backupsQuery(hostname));
      if (action === "restore")
        await queryClient.invalidateQueries({ queryKey: [...ALL_BOTS, "one", hostname] });
    },
  });
}
