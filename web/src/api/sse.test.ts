import { describe, expect, it } from "vitest";
import { EventStreamParser, readEvents } from "./sse";

const STREAM = 'data: {"a":1}\n\n: a comment\nevent: x\ndata: two\ndata: lines\n\ndata: [DONE]\n\n';

describe("EventStreamParser", () => {
  it("gives the data of each event", () => {
    expect(new EventStreamParser().push(STREAM)).toEqual(['{"a":1}', "two\nlines", "[DONE]"]);
  });

  it.each(["\n", "\r\n", "\r"])("does not care where chunks end (%j)", (newline) => {
    const text = STREAM.replaceAll("\n", newline);
    const whole = new EventStreamParser().push(text);
    for (let size = 1; size < 9; size++) {
      const parser = new EventStreamParser();
      const events: string[] = [];
      for (let at = 0; at < text.length; at += size) events.push(...parser.push(text.slice(at, at + size)));
      expect(events).toEqual(whole);
    }
  });

  it("keeps an event back until its blank line", () => {
    const parser = new EventStreamParser();
    expect(parser.push("data: a\n")).toEqual([]);
    expect(parser.push("\n")).toEqual(["a"]);
  });
});

describe("readEvents", () => {
  it("decodes characters that are split between chunks", async () => {
    const bytes = new TextEncoder().encode("data: 你好🤖\n\n");
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
        controller.close();
      },
    });
    const events: string[] = [];
    for await (const event of readEvents(body)) events.push(event);
    expect(events).toEqual(["你好🤖"]);
  });

  it("cancels the body when the reader stops", async () => {
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new TextEncoder().encode("data: more\n\n")),
      cancel: () => {
        cancelled = true;
      },
    });
    for await (const _ of readEvents(body)) break;
    expect(cancelled).toBe(true);
  });
});
