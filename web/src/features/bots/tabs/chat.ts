import { ApiError, session, toApiError } from "@/api";
import { asApiError } from "@/api/problem";
import { readEvents } from "@/api/sse";
import { randomName } from "@/lib/id";

export type Message = { id: number; from: "user" | "bot"; text: string; error?: ApiError; stopped?: boolean };
export type Conversation = { messages: readonly Message[]; busy: boolean };

const EMPTY: Conversation = { messages: [], busy: false };

/** What one event of the bot's answer says: a piece of text, an error, the end, or nothing. */
export function readChunk(data: string): { text: string } | { error: ApiError } | "done" | null {
  if (data === "[DONE]") return "done";
  let chunk: unknown;
  try {
    chunk = JSON.parse(data);
  } catch {
    return null;
  }
  const { error, choices } = (chunk ?? {}) as {
    error?: { message?: string; code?: string | null };
    choices?: { delta?: { content?: string | null } }[];
  };
  if (error) return { error: new ApiError(200, error.code ?? "bot_error", error.message ?? "") };
  const text = choices?.[0]?.delta?.content;
  return text ? { text } : null;
}

/** One conversation with one bot. It lives outside of the screen, so that changing tabs does not cut the answer off. */
export class ChatStore {
  #state = EMPTY;
  #id = randomName();
  #nextMessage = 1;
  #abort: AbortController | null = null;
  readonly #listeners = new Set<() => void>();

  constructor(
    private readonly hostname: string,
    private readonly fetcher: typeof session.authFetch = session.authFetch,
  ) {}

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  snapshot = (): Conversation => this.#state;

  stop(): void {
    this.#abort?.abort();
  }

  reset(): void {
    this.stop();
    this.#id = randomName();
    this.#set(EMPTY);
  }

  async send(message: string): Promise<void> {
    if (this.#state.busy) return;
    const abort = new AbortController();
    this.#abort = abort;
    const answer: Message = { id: this.#nextMessage + 1, from: "bot", text: "" };
    const asked: Message = { id: this.#nextMessage, from: "user", text: message };
    this.#nextMessage += 2;
    this.#set({ busy: true, messages: [...this.#state.messages, asked, answer] });
    const update = (change: Partial<Message>) => {
      Object.assign(answer, change);
      const messages = this.#state.messages.map((item) => (item.id === answer.id ? { ...answer } : item));
      this.#set({ ...this.#state, messages });
    };
    try {
      const response = await this.fetcher(`/api/bot/${encodeURIComponent(this.hostname)}/chat`, {
        method: "POST",
        headers: { "content-type": "application/json", accept: "text/event-stream" },
        body: JSON.stringify({ message, conversation: this.#id }),
        signal: abort.signal,
      });
      if (!response.ok || response.body === null) {
        throw toApiError(response.status, await response.json().catch(() => null));
      }
      for await (const data of readEvents(response.body)) {
        const chunk = readChunk(data);
        if (chunk === "done") break;
        if (chunk === null) continue;
        if ("error" in chunk) update({ error: chunk.error });
        else update({ text: answer.text + chunk.text });
      }
    } catch (error) {
      update(abort.signal.aborted ? { stopped: true } : { error: asApiError(error) });
    } finally {
      // After a reset another conversation is on the screen.
      if (this.#abort === abort) this.#set({ ...this.#state, busy: false });
    }
  }

  #set(state: Conversation): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

const stores = new Map<string, ChatStore>();
session.subscribe(() => {
  if (session.state.status !== "signed-out") return;
  for (const store of stores.values()) store.stop();
  stores.clear();
});

/** The conversation with this bot; another bot that later gets the same hostname starts a new one. */
export function chatWith(bot: { id: string; hostname: string }): ChatStore {
  const store = stores.get(bot.id) ?? new ChatStore(bot.hostname);
  stores.set(bot.id, store);
  return store;
}
