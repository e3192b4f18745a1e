/** Splits a text/event-stream into the data of its events, whatever the chunks it arrives in. */
export class EventStreamParser {
  #line = "";
  #data: string[] = [];
  #sawCarriageReturn = false;

  push(chunk: string): string[] {
    const events: string[] = [];
    for (const char of chunk) {
      if (char === "\n" && this.#sawCarriageReturn) {
        this.#sawCarriageReturn = false;
        continue;
      }
      this.#sawCarriageReturn = char === "\r";
      if (char === "\n" || char === "\r") this.#endLine(events);
      else this.#line += char;
    }
    return events;
  }

  #endLine(events: string[]): void {
    const line = this.#line;
    this.#line = "";
    if (line === "") {
      if (this.#data.length > 0) events.push(this.#data.join("\n"));
      this.#data = [];
      return;
    }
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    if (field !== "data") return;
    const value = colon < 0 ? "" : line.slice(colon + 1);
    this.#data.push(value.startsWith(" ") ? value.slice(1) : value);
  }
}

/** The data of each event of a response's body. Ends with the body; cancels it when the reader stops early. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const parser = new EventStreamParser();
  const decoder = new TextDecoder();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
