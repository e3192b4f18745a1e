import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "@/api";
import { ALL_BOTS } from "../queries";

export function backupsQuery(hostname: string) {
  return queryOptions({
    queryKey: [...ALL_BOTS, "backups", hostname],
    queryFn: () => unwrap(api.GET("/api/bot/{hostname}/backup", { params: { path: { hostname } } })),
  });
}

type Change = { action: "make" } | { action: "restore" | "delete"; id: string };

export function useBackups(hostname: string) {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: async (change: Change): Promise<void> => {
      if (change.action === "make") {
        await unwrap(api.POST("/api/bot/{hostname}/backup", { params: { path: { hostname } } }));
        return;
      }
      const params = { path: { hostname, backup_id: change.id } };
      if (change.action === "delete") {
        await unwrap(api.DELETE("/api/bot/{hostname}/backup/{backup_id}", { params }));
      } else {
        await unwrap(api.POST("/api/bot/{hostname}/backup/{backup_id}/restore", { params }));
      }
    },
    onSuccess: async (_, { action }) => {
      await queryClient.invalidateQueries(backupsQuery(hostname));
      if (action === "restore")
        await queryClient.invalidateQueries({ queryKey: [...ALL_BOTS, "one", hostname] });
    },
  });
}
