import { toApiError } from "./problem";
import type { Session, User } from "./types";

export type SessionState = { status: "unknown" | "signed-out" | "signed-in"; user: User | null };
type Fetch = (input: string | Request, init?: RequestInit) => Promise<Response>;
type Listener = () => void;
/** Runs one task at a time in all tabs of this browser. */
type Exclusively = <T>(task: () => Promise<T>) => Promise<T>;

/** Says that this browser has a session; the session itself is a cookie that scripts cannot see. */
const SIGNED_IN_AT = "cbm-signed-in";

const exclusively: Exclusively = async (task) =>
  // Web locks exist in secure contexts only; over plain HTTP each tab is on its own.
  navigator.locks ? navigator.locks.request("cbm-refresh", task) : task();

/**
 * Who is signed in here. The access token lives in this object and nowhere else; the refresh token is a cookie
 * that scripts cannot read. Refresh tokens rotate and using one twice ends the session, so that refreshes are
 * done one at a time, across tabs too.
 */
export class SessionStore {
  #token: string | null = null;
  #state: SessionState = { status: "unknown", user: null };
  #refreshing: Promise<boolean> | null = null;
  readonly #listeners = new Set<Listener>();
  readonly #fetch: Fetch;
  readonly #exclusively: Exclusively;

  constructor(fetcher: Fetch = (input, init) => fetch(input, init), lock: Exclusively = exclusively) {
    this.#fetch = fetcher;
    this.#exclusively = lock;
  }

  get state(): SessionState {
    return this.#state;
  }

  subscribe = (listener: Listener): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  accept(session: Session): void {
    this.#token = session.access_token;
    localStorage.setItem(SIGNED_IN_AT, "yes");
    this.#set({ status: "signed-in", user: session.user });
  }

  updateUser(user: User): void {
    this.#set({ status: "signed-in", user });
  }

  clear(): void {
    localStorage.removeItem(SIGNED_IN_AT);
    this.#signOut();
  }

  /** Continue this browser's session. Without one nothing is asked: the answer could only be a 401. */
  async resume(): Promise<void> {
    if (localStorage.getItem(SIGNED_IN_AT) === null) return this.#signOut();
    // A server that is down leaves nobody signed in, and the session as it is.
    await this.refresh().catch(() => this.#signOut());
  }

  /** True when there is a new access token. Callers that come while one refresh is under way share it. */
  refresh(): Promise<boolean> {
    this.#refreshing ??= this.#exclusively(() => this.#refresh()).finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  /** Like `fetch`, as the signed-in user: a 401 refreshes once and tries once more. */
  authFetch = async (input: string | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    const again = request.clone();
    const used = this.#token;
    const response = await this.#fetch(withToken(request, used));
    if (response.status !== 401 || used === null) return response;
    // Somebody else may have refreshed while this request was on its way.
    const renewed = this.#token !== used ? this.#token !== null : await this.refresh();
    return renewed ? this.#fetch(withToken(again, this.#token)) : response;
  };

  async #refresh(): Promise<boolean> {
    const response = await this.#fetch("/api/auth/refresh", { method: "POST" });
    if (response.ok) {
      this.accept((await response.json()) as Session);
      return true;
    }
    // Only a 401 says that the session is over; a server that is down says nothing about it.
    if (response.status !== 401) throw toApiError(response.status, await response.json().catch(() => null));
    this.clear();
    return false;
  }

  #signOut(): void {
    this.#token = null;
    this.#set({ status: "signed-out", user: null });
  }

  #set(state: SessionState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

function withToken(request: Request, token: string | null): Request {
  if (token !== null) request.headers.set("authorization", `Bearer ${token}`);
  return request;
}

export const session = new SessionStore();
