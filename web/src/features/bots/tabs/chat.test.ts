import { describe, expect, it } from "vitest";
import { ChatStore, readChunk } from "./chat";

function answering(...events: string[]) {
  const requests: { message: string; conversation: string }[] = [];
  const fetcher = async (_: string | Request, init?: RequestInit) => {
    requests.push(JSON.parse(String(init?.body)));
    return new Response(events.map((event) => `data: ${event}\n\n`).join(""));
  };
  return { requests, store: new ChatStore("bot", fetcher) };
}

const delta = (content: string) => JSON.stringify({ choices: [{ delta: { content } }] });

describe("readChunk", () => {
  it("takes text, errors and the end, and lets the rest pass", () => {
    expect(readChunk(delta("hi"))).toEqual({ text: "hi" });
    expect(readChunk("[DONE]")).toBe("done");
    expect(readChunk('{"error":{"message":"no","code":"bad_key"}}')).toMatchObject({
      error: { code: "bad_key" },
    });
    expect(readChunk('{"choices":[],"usage":{}}')).toBeNull();
    expect(readChunk("not JSON")).toBeNull();
  });
});

describe("ChatStore", () => {
  it("joins the pieces of an answer and stays in one conversation", async () => {
    const { store, requests } = answering(delta("Hello"), delta(" you"), "[DONE]");
    await store.send("Hi");
    await store.send("Again");
    expect(store.snapshot().messages.map(({ from, text }) => [from, text])).toEqual([
      ["user", "Hi"],
      ["bot", "Hello you"],
      ["user", "Again"],
      ["bot", "Hello you"],
    ]);
    expect(requests[0]?.conversation).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    expect(requests[1]?.conversation).toBe(requests[0]?.conversation);
    store.reset();
    await store.send("New");
    expect(requests[2]?.conversation).not.toBe(requests[0]?.conversation);
  });

  it("keeps what came before an error inside the stream", async () => {
    const { store } = answering(
      delta("Let me"),
      '{"error":{"message":"refused","code":"bad_key"}}',
      "[DONE]",
    );
    await store.send("Hi");
    const answer = store.snapshot().messages[1];
    expect(answer).toMatchObject({ text: "Let me", error: { code: "bad_key", detail: "refused" } });
    expect(store.snapshot().busy).toBe(false);
  });

  it("shows a problem that came instead of a stream", async () => {
    const store = new ChatStore("bot", async () =>
      Response.json({ code: "bot_not_running", detail: "Start it", trace_id: "abc" }, { status: 409 }),
    );
    await store.send("Hi");
    expect(store.snapshot().messages[1]?.error).toMatchObject({ status: 409, traceId: "abc" });
  });

  it("can be stopped", async () => {
    const store = new ChatStore("bot", async (_, init) => {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(`data: ${delta("Well")}\n\n`));
          init?.signal?.addEventListener("abort", () => controller.error(new DOMException("", "AbortError")));
        },
      });
      return new Response(body);
    });
    const sending = store.send("Hi");
    await new Promise((resolve) => setTimeout(resolve, 10));
    store.stop();
    await sending;
    expect(store.snapshot()).toMatchObject({ busy: false, messages: [{}, { text: "Well", stopped: true }] });
  });
});
