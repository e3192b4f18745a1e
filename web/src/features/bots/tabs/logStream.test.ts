import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "@/api";
import { LogStream, MOST_LINES, readLogEvent } from "./logStream";

const event = (data: unknown) => `data: ${JSON.stringify(data)}\n\n`;

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe("readLogEvent", () => {
  it("takes lines alone, in batches and with what was left out", () => {
    expect(readLogEvent('{"line":"a"}').lines).toEqual(["a"]);
    expect(readLogEvent('{"lines":["a","b"]}').lines).toEqual(["a", "b"]);
    expect(readLogEvent('"a"').lines).toEqual(["a"]);
    expect(readLogEvent('{"dropped":7}')).toMatchObject({ lines: [], dropped: 7 });
    expect(readLogEvent("plain text").lines).toEqual(["plain text"]);
  });
});

describe("LogStream", () => {
  it("shows what came, and after a break the tail once instead of twice", async () => {
    const answers = [event({ lines: ["one", "two"] }), event({ lines: ["one", "two", "three"] })];
    const asked: string[] = [];
    const stream = new LogStream("ada", 50, async (path) => {
      asked.push(path);
      return new Response(answers.shift() ?? new ReadableStream());
    });
    const leave = stream.subscribe(() => undefined);
    await vi.advanceTimersByTimeAsync(0);
    expect(stream.snapshot()).toMatchObject({ lines: ["one", "two"], connection: "waiting" });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(stream.snapshot().lines).toEqual(["one", "two", "three"]);
    leave();
    expect(asked[0]).toBe("/api/bot/ada/logs/follow?tail=50");
  });

  it("counts what the server left out and keeps only the newest lines", async () => {
    const many = Array.from({ length: MOST_LINES + 10 }, (_, index) => `line ${index}`);
    const stream = new LogStream(
      "ada",
      50,
      async () => new Response(event({ lines: many }) + event({ dropped: 3 })),
    );
    const leave = stream.subscribe(() => undefined);
    await vi.advanceTimersByTimeAsync(0);
    leave();
    expect(stream.snapshot().lines).toHaveLength(MOST_LINES);
    expect(stream.snapshot().lines.at(-1)).toBe(many.at(-1));
    expect(stream.snapshot().dropped).toBe(3);
  });

  it("does not ask again for a bot that is gone, and stops asking when nobody looks", async () => {
    const gone = vi.fn(() => Promise.reject(new ApiError(404, "bot_not_found", "")));
    const stream = new LogStream("ada", 50, gone);
    const leave = stream.subscribe(() => undefined);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(stream.snapshot().connection).toBe("ended");
    expect(gone).toHaveBeenCalledTimes(1);
    leave();

    const down = vi.fn(() => Promise.reject(new ApiError(503, "runtime_unavailable", "")));
    const other = new LogStream("ada", 50, down);
    const leaveOther = other.subscribe(() => undefined);
    await vi.advanceTimersByTimeAsync(4_000);
    expect(down.mock.calls.length).toBeGreaterThan(1);
    leaveOther();
    const asked = down.mock.calls.length;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(down).toHaveBeenCalledTimes(asked);
  });
});
