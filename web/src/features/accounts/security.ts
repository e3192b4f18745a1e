import { queryOptions, useMutation, useQueryClient } from "@tanstack/react-query";
import { api, unwrap } from "@/api";

export const sessionsQuery = queryOptions({
  queryKey: ["session"],
  queryFn: () => unwrap(api.GET("/api/user/me/session")),
});

/** Ends one session, or (null) all but this one. */
export function useEndSession() {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: async (id: string | null): Promise<void> => {
      if (id === null) await unwrap(api.DELETE("/api/user/me/session"));
      else {
        const params = { path: { session_id: id } };
        await unwrap(api.DELETE("/api/user/me/session/{session_id}", { params }));
      }
    },
    onSettled: () => queryClient.invalidateQueries(sessionsQuery),
  });
}

export function useChangePassword() {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (body: { current_password: string; new_password: string }) =>
      unwrap(api.POST("/api/user/me/password", { body })),
    onSuccess: () => queryClient.invalidateQueries(sessionsQuery),
  });
}
