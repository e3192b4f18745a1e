import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode, useEffect } from "react";
import { asApiError, session } from "./api";
import { cssVariablesResolver, theme } from "./lib/theme";
import { createAppRouter } from "./routes/router";

const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      // A refusal stays a refusal; only a server that could not answer is asked again.
      retry: (failures, error) => {
        const { status } = asApiError(error);
        return failures < 2 && (status === 0 || status >= 502);
      },
    },
  },
});
const router = createAppRouter(queryClient);

function SessionWatch() {
  useEffect(
    () =>
      session.subscribe(() => {
        if (session.state.status !== "signed-out") return;
        queryClient.clear();
        void router.invalidate();
      }),
    [],
  );
  return null;
}

export function App() {
  return (
    <StrictMode>
      <MantineProvider theme={theme} cssVariablesResolver={cssVariablesResolver} defaultColorScheme="auto">
        <Notifications position="bottom-right" />
        <QueryClientProvider client={queryClient}>
          <SessionWatch />
          <RouterProvider router={router} />
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>
  );
}
