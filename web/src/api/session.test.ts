import { beforeEach, describe, expect, it } from "vitest";
import { SessionStore } from "./session";
import type { Session } from "./types";

const user = {
  id: "u",
  email: "ada@example.com",
  nickname: "Ada",
  role: "admin",
  locale: "en",
  created_at: "2026-01-01T00:00:00Z",
} as const;
const sessionWith = (access_token: string): Session => ({
  access_token,
  token_type: "bearer",
  expires_in: 900,
  user,
});

/** A server that takes one access token at a time and hands out the next one at each refresh. */
class Server {
  valid = "t1";
  refreshes = 0;
  refreshStatus = 200;
  seen: string[] = [];

  fetch = async (input: string | Request): Promise<Response> => {
    await Promise.resolve();
    if (typeof input === "string") {
      this.refreshes += 1;
      if (this.refreshStatus !== 200)
        return Response.json({ code: "session_ended" }, { status: this.refreshStatus });
      this.valid = `t${this.refreshes + 1}`;
      return Response.json(sessionWith(this.valid));
    }
    const token = input.headers.get("authorization")?.replace("Bearer ", "") ?? "none";
    this.seen.push(`${token} ${await input.text()}`.trim());
    return new Response(null, { status: token === this.valid ? 204 : 401 });
  };
}

const unlocked = <T>(task: () => Promise<T>) => task();
const URL_ = "http://server/api/bot";

describe("SessionStore", () => {
  let server: Server;
  let store: SessionStore;

  beforeEach(() => {
    server = new Server();
    store = new SessionStore(server.fetch, unlocked);
    store.accept(sessionWith("t1"));
  });

  it("sends the access token", async () => {
    expect((await store.authFetch(URL_)).status).toBe(204);
    expect(server.seen).toEqual(["t1"]);
  });

  it("refreshes once after a 401 and sends the same request again, body and all", async () => {
    server.valid = "another";
    const response = await store.authFetch(URL_, { method: "POST", body: "hello" });
    expect(response.status).toBe(204);
    expect(server.seen).toEqual(["t1 hello", "t2 hello"]);
    expect(server.refreshes).toBe(1);
  });

  it("shares one refresh between requests that fail together", async () => {
    server.valid = "another";
    const answers = await Promise.all([1, 2, 3].map(() => store.authFetch(URL_)));
    expect(answers.map((answer) => answer.status)).toEqual([204, 204, 204]);
    expect(server.refreshes).toBe(1);
  });

  it("signs out when the refresh token is refused, and does not go round in circles", async () => {
    server.valid = "another";
    server.refreshStatus = 401;
    expect((await store.authFetch(URL_)).status).toBe(401);
    expect(store.state).toEqual({ status: "signed-out", user: null });
    expect((await store.authFetch(URL_)).status).toBe(401);
    expect(server.refreshes).toBe(1);
  });

  it("stays signed in when the server cannot answer the refresh", async () => {
    server.valid = "another";
    server.refreshStatus = 503;
    await expect(store.authFetch(URL_)).rejects.toMatchObject({ status: 503 });
    expect(store.state.status).toBe("signed-in");
  });

  it("refreshes under the lock that all tabs share", async () => {
    let held = 0;
    const locked = new SessionStore(server.fetch, async (task) => {
      held += 1;
      return task();
    });
    await locked.refresh();
    expect(held).toBe(1);
    expect(locked.state.user).toEqual(user);
  });

  it("tells its listeners", () => {
    const states: string[] = [];
    const stop = store.subscribe(() => states.push(store.state.status));
    store.clear();
    stop();
    store.accept(sessionWith("t9"));
    expect(states).toEqual(["signed-out"]);
  });

  it("asks for nothing when this browser never had a session", async () => {
    localStorage.clear();
    const server = new Server();
    const store = new SessionStore(server.fetch, (task) => task());
    await store.resume();
    expect(server.refreshes).toBe(0);
    expect(store.state.status).toBe("signed-out");
  });

  it("keeps the session in mind while the server is down, and forgets it when it is over", async () => {
    const server = new Server();
    const store = new SessionStore(server.fetch, (task) => task());
    store.accept(sessionWith("t1"));
    server.refreshStatus = 503;
    await store.resume();
    expect(store.state.status).toBe("signed-out");
    server.refreshStatus = 200;
    await store.resume();
    expect(store.state.status).toBe("signed-in");
    server.refreshStatus = 401;
    await store.resume();
    await store.resume();
    expect(server.refreshes).toBe(3);
  });
});
