import { beforeAll, describe, expect, it } from "vitest";
import { setLocale, startI18n } from "@/lib/i18n";
import { attemptKey, attemptText, codeText, countText, detailsOf, outcomeTone } from "./words";

beforeAll(async () => {
  await startI18n();
  await setLocale("en");
});

describe("codes", () => {
  it("are told in words, and an unknown one as it is", () => {
    expect(codeText("no_key")).toBe("No key of this vendor is stored that the bot may use");
    expect(codeText("something_new")).toBe("something_new");
  });
});

describe("the outcome of a request", () => {
  it("is bad for refusals and for answers that broke off, and not for a client that left", () => {
    expect(outcomeTone({ status: 200, error_code: null })).toBe("good");
    expect(outcomeTone({ status: 404, error_code: "not_found" })).toBe("bad");
    expect(outcomeTone({ status: 200, error_code: "upstream_broken" })).toBe("bad");
    expect(outcomeTone({ status: 200, error_code: "client_closed" })).toBe("idle");
    expect(outcomeTone({ status: 499, error_code: "client_closed" })).toBe("idle");
  });
});

describe("counts", () => {
  it("tell nothing, none and an estimate apart", () => {
    expect(countText(null, "provider")).toBe("—");
    expect(countText(0, "provider")).toBe("0");
    expect(countText(1234, "estimated")).toBe("≈ 1,234");
    expect(countText(null, "estimated")).toBe("—");
  });
});

describe("details", () => {
  it("are in words and in order; cost is money, and what has no words is shown as it is", () => {
    const details = { seconds: 12.5, cost_usd: 0.000123, service_tier: "flex", brand_new: 3 };
    expect(detailsOf({ details })).toEqual([
      ["brand_new", "3"],
      ["Cost, by the provider", "$0.000123"],
      ["Seconds of sound or video", "12.5"],
      ["Service tier", "flex"],
    ]);
    expect(detailsOf({ details: null })).toEqual([]);
  });
});

describe("an attempt", () => {
  it("names its key, and says how it went", () => {
    const attempt = { key_id: "1", key_label: "main", status: 429, reason: "rate_limited" };
    expect([attemptKey(attempt), attemptText(attempt)]).toEqual(["main", "429 · Too fast for the provider"]);
    expect(attemptText({ ...attempt, reason: null })).toBe("429");
    expect(attemptText({ ...attempt, status: null, reason: null })).toBe("no answer");
    expect(attemptKey({ ...attempt, key_label: null })).toBe("a key that is gone");
    expect(attemptKey({ ...attempt, key_label: null, key_id: null })).toBe("no key");
  });
});
