import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from "@tanstack/react-router";
import { session, systemQuery } from "@/api";
import { BOT_TABS, type BotTab } from "@/features/bots/tabs/names";
import { NotFound, RouteError } from "./errors";

type Context = { queryClient: QueryClient };
const root = createRootRouteWithContext<Context>()({ component: Outlet });

/** Only paths of this console: a link must not lead to another site after signing in. */
function innerPath(value: unknown): string | undefined {
  return typeof value === "string" && /^\/(?![/\\])/.test(value) ? value : undefined;
}

const signIn = createRoute({
  getParentRoute: () => root,
  path: "/sign-in",
  validateSearch: (search): { next?: string } => ({ next: innerPath(search.next) }),
  beforeLoad: async ({ context, search }) => {
    if (session.state.status === "signed-in") throw redirect({ to: search.next ?? "/bots" });
    const system = await context.queryClient.ensureQueryData(systemQuery).catch(() => null);
    if (system?.needs_setup) throw redirect({ to: "/sign-up" });
  },
  component: lazyRouteComponent(() => import("./SignIn")),
});

const signUp = createRoute({
  getParentRoute: () => root,
  path: "/sign-up",
  validateSearch: (search): { setup?: string } => ({
    setup: typeof search.setup === "string" ? search.setup : undefined,
  }),
  beforeLoad: () => {
    if (session.state.status === "signed-in") throw redirect({ to: "/bots" });
  },
  component: lazyRouteComponent(() => import("./SignUp")),
});

const shell = createRoute({
  getParentRoute: () => root,
  id: "shell",
  beforeLoad: ({ location }) => {
    if (session.state.status === "signed-in") return;
    throw redirect({ to: "/sign-in", search: { next: location.href === "/" ? undefined : location.href } });
  },
  component: lazyRouteComponent(() => import("./Shell")),
});

const home = createRoute({
  getParentRoute: () => shell,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: "/bots" });
  },
});

const bots = createRoute({
  getParentRoute: () => shell,
  path: "/bots",
  component: lazyRouteComponent(() => import("./Bots")),
});

const newBot = createRoute({
  getParentRoute: () => shell,
  path: "/bots/new",
  component: lazyRouteComponent(() => import("./NewBot")),
});

const removedBots = createRoute({
  getParentRoute: () => shell,
  path: "/bots/removed",
  component: lazyRouteComponent(() => import("./RemovedBots")),
});

const bot = createRoute({
  getParentRoute: () => shell,
  path: "/bots/$hostname",
  validateSearch: (search): { tab?: BotTab } => ({ tab: BOT_TABS.find((tab) => tab === search.tab) }),
  component: lazyRouteComponent(() => import("./Bot")),
});

const keys = createRoute({
  getParentRoute: () => shell,
  path: "/provider-keys",
  component: lazyRouteComponent(() => import("./ProviderKeys")),
});

const usage = createRoute({
  getParentRoute: () => shell,
  path: "/usage",
  component: lazyRouteComponent(() => import("./Usage")),
});

const account = createRoute({
  getParentRoute: () => shell,
  path: "/account",
  component: lazyRouteComponent(() => import("./Account")),
});

const apiTokens = createRoute({
  getParentRoute: () => shell,
  path: "/api-tokens",
  component: lazyRouteComponent(() => import("./ApiTokens")),
});

const audit = createRoute({
  getParentRoute: () => shell,
  path: "/audit",
  component: lazyRouteComponent(() => import("./Audit")),
});

const system = createRoute({
  getParentRoute: () => shell,
  path: "/system",
  component: lazyRouteComponent(() => import("./System")),
});

const routeTree = root.addChildren([
  signIn,
  signUp,
  shell.addChildren([home, bots, newBot, removedBots, bot, keys, usage, account, apiTokens, audit, system]),
]);

export function createAppRouter(queryClient: QueryClient) {
  return createRouter({
    routeTree,
    context: { queryClient },
    defaultPreload: "intent",
    scrollRestoration: true,
    defaultErrorComponent: RouteError,
    defaultNotFoundComponent: NotFound,
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createAppRouter>;
  }
}
