import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api, type Bot, type BotCloneIn, type BotPatch, send, unwrap } from "@/api";
import { saveFile } from "@/lib/saveFile";
import { ALL_BOTS, botQuery } from "../queries";

/** Shows at once what the server answered, and has everything else about bots looked at again. */
export function useShowBot() {
  const queryClient = useQueryClient();
  return (bot: Bot) => {
    queryClient.setQueryData(botQuery(bot.hostname).queryKey, bot);
    void queryClient.invalidateQueries({ queryKey: ALL_BOTS });
  };
}

export function usePatchBot(hostname: string) {
  const show = useShowBot();
  return useMutation({
    mutationFn: (body: BotPatch) =>
      unwrap(api.PATCH("/api/bot/{hostname}", { params: { path: { hostname } }, body })),
    onSuccess: show,
  });
}

export function useUpgrade(hostname: string) {
  const show = useShowBot();
  return useMutation({
    mutationFn: () =>
      unwrap(api.POST("/api/bot/{hostname}/upgrade", { params: { path: { hostname } }, body: {} })),
    onSuccess: show,
  });
}

export function useClone(hostname: string) {
  const show = useShowBot();
  return useMutation({
    mutationFn: (body: BotCloneIn) =>
      unwrap(api.POST("/api/bot/{hostname}/clone", { params: { path: { hostname } }, body })),
    onSuccess: show,
  });
}

export function useExport(hostname: string) {
  return useMutation({
    mutationFn: async () => {
      const response = await send(`/api/bot/${encodeURIComponent(hostname)}/export`);
      saveFile(await response.blob(), `${hostname}.tar.gz`);
    },
  });
}

export function useImport() {
  const show = useShowBot();
  return useMutation({
    mutationFn: async ({ hostname, file }: { hostname: string; file: File }): Promise<Bot> => {
      const headers = { "content-type": "application/gzip" };
      const query = new URLSearchParams(hostname ? { hostname } : {});
      return (await send(`/api/bot/import?${query}`, { method: "POST", headers, body: file })).json();
    },
    onSuccess: show,
  });
}
