import { describe, expect, it } from "vitest";
import { addSample, MOST_SAMPLES, rates, type Sample } from "./samples";

const sample = (at: number, received: number | null): Sample => ({
  at,
  cpu: null,
  memory: null,
  received,
  sent: null,
});

describe("addSample", () => {
  it("keeps the newest, and each measurement once", () => {
    let samples: readonly Sample[] = [];
    for (let at = 1; at <= MOST_SAMPLES + 5; at += 1) samples = addSample(samples, at, { cpu_percent: at });
    expect(samples).toHaveLength(MOST_SAMPLES);
    expect(samples.at(-1)?.cpu).toBe(MOST_SAMPLES + 5);
    expect(addSample(samples, MOST_SAMPLES + 5, { cpu_percent: 1 })).toBe(samples);
  });
});

describe("rates", () => {
  it("are bytes a second", () => {
    expect(rates([sample(0, 100), sample(2_000, 300)], "received")).toEqual([100]);
  });

  it("are not known over a restart, nor where the runtime does not count", () => {
    expect(rates([sample(0, 500), sample(1_000, 10), sample(2_000, 20)], "received")).toEqual([null, 10]);
    expect(rates([sample(0, null), sample(1_000, 10)], "received")).toEqual([null]);
    expect(rates([sample(0, 1), sample(0, 2)], "received")).toEqual([null]);
    expect(rates([], "sent")).toEqual([]);
  });
});
