import { asApiError, send } from "@/api";
import { readEvents } from "@/api/sse";

export type LogState = {
  lines: readonly string[];
  connection: "connecting" | "live" | "waiting" | "ended";
  error: unknown;
  /** Lines that the server left out because this reader was too slow. */
  dropped: number;
};

export const MOST_LINES = 5_000;
const EMPTY: LogState = { lines: [], connection: "connecting", error: null, dropped: 0 };
const AGAIN_MS = 3_000;
const TOGETHER_MS = 100;

export type LogEvent = { lines: string[]; dropped: number; ended: boolean };

/** What one event of the log stream says. */
export function readLogEvent(data: string): LogEvent {
  let event: unknown;
  try {
    event = JSON.parse(data);
  } catch {
    return { lines: [data], dropped: 0, ended: false };
  }
  if (typeof event === "string") return { lines: [event], dropped: 0, ended: false };
  const { line, lines, dropped, ended } = (event ?? {}) as Partial<{
    line: string;
    lines: string[];
    dropped: number;
    ended: boolean;
  }>;
  return {
    lines: [...(lines ?? []), ...(line === undefined ? [] : [line])],
    dropped: dropped ?? 0,
    ended: ended === true,
  };
}

/**
 * Follows the log of one bot for as long as it is open. A connection that breaks is made again with the same
 * tail, which then replaces what is there: nothing is shown twice.
 */
export class LogStream {
  #state = EMPTY;
  #abort: AbortController | null = null;
  #pending: string[] = [];
  #fresh = true;
  #flush: ReturnType<typeof setTimeout> | undefined;
  #again: ReturnType<typeof setTimeout> | undefined;
  readonly #listeners = new Set<() => void>();

  constructor(
    private readonly hostname: string,
    private readonly tail: number,
    private readonly open: (path: string, init: RequestInit) => Promise<Response> = send,
  ) {}

  snapshot = (): LogState => this.#state;

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.start();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.stop();
    };
  };

  start(): void {
    this.stop();
    const abort = new AbortController();
    this.#abort = abort;
    void this.#follow(abort.signal);
  }

  stop(): void {
    this.#abort?.abort();
    clearTimeout(this.#again);
    clearTimeout(this.#flush);
  }

  async #follow(signal: AbortSignal): Promise<void> {
    this.#fresh = true;
    this.#pending = [];
    this.#set({ connection: "connecting" });
    try {
      const path = `/api/bot/${encodeURIComponent(this.hostname)}/logs/follow?tail=${this.tail}`;
      const response = await this.open(path, { signal, headers: { accept: "text/event-stream" } });
      this.#set({ connection: "live", error: null });
      if (response.body) for await (const data of readEvents(response.body)) this.#take(readLogEvent(data));
      if (!signal.aborted) this.#ended(null);
    } catch (error) {
      if (!signal.aborted) this.#ended(error);
    }
  }

  #ended(error: unknown): void {
    this.#write();
    // The bot may start again; one that is gone, or another's, is not asked for again.
    const final = error !== null && asApiError(error).status === 404;
    this.#set({ connection: final ? "ended" : "waiting", error });
    if (!final) this.#again = setTimeout(() => this.start(), AGAIN_MS);
  }

  #take({ lines, dropped }: LogEvent): void {
    this.#pending.push(...lines);
    if (dropped > 0) this.#set({ dropped: this.#state.dropped + dropped });
    // A chatty bot must not have the page drawn for each of its lines.
    this.#flush ??= setTimeout(() => this.#write(), TOGETHER_MS);
  }

  #write(): void {
    clearTimeout(this.#flush);
    this.#flush = undefined;
    const before = this.#fresh ? [] : this.#state.lines;
    if (this.#pending.length === 0) return;
    const lines = [...before, ...this.#pending].slice(-MOST_LINES);
    this.#pending = [];
    this.#fresh = false;
    this.#set({ lines });
  }

  #set(change: Partial<LogState>): void {
    this.#state = { ...this.#state, ...change };
    for (const listener of this.#listeners) listener();
  }
}
