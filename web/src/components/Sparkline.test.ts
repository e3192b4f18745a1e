import { describe, expect, it } from "vitest";
import { segments } from "./Sparkline";

describe("segments", () => {
  it("draws from the bottom to the top", () => {
    expect(segments([0, 10])).toEqual(["0,31 100,1"]);
    expect(segments([0, 5], 10)).toEqual(["0,31 100,16"]);
  });

  it("leaves a gap where nothing is known, and draws nothing of a single value", () => {
    expect(segments([1, 1, null, 1, 1])).toHaveLength(2);
    expect(segments([null, 3, null])).toEqual([]);
    expect(segments([])).toEqual([]);
  });

  it("is flat at the bottom when everything is zero", () => {
    expect(segments([0, 0, 0])).toEqual(["0,31 50,31 100,31"]);
  });
});
