import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { formatDateTime } from "@/lib/format";
import { i18n, setLocale, startI18n } from "@/lib/i18n";
import { explain, needingAttention } from "./keyState";

const NOTHING = { state_reason: null, state_detail: null, cooled_until: null, next_check_at: null };
const LATER = "2026-11-26T12:00:30Z";

function told(change: Partial<Parameters<typeof explain>[0]>) {
  return explain({ ...NOTHING, ...change }, i18n.t);
}

beforeAll(startI18n);
beforeEach(() => setLocale("en"));

describe("explain", () => {
  it("says nothing of a key that is used", () => {
    expect(told({})).toEqual([]);
  });

  it("says why a key was refused, what to do, and that it is checked again", () => {
    const [why, advice, again] = told({ state_reason: "bad_key", next_check_at: LATER });
    expect(why).toBe("The vendor refuses this key.");
    expect(advice).toMatch(/^Replace the secret/);
    expect(again).toContain(formatDateTime(LATER));
  });

  it("says until when a key rests", async () => {
    await setLocale("zh-CN");
    const sentences = told({ state_reason: "rate_limited", cooled_until: LATER, next_check_at: LATER });
    expect(sentences).toHaveLength(3);
    expect(sentences[0]).toBe("请求过快，供应商要求暂停。");
    expect(sentences[2]).toBe(`${formatDateTime(LATER)} 起恢复使用。`);
  });

  it("keeps the server's words for a code that it does not know", () => {
    expect(told({ state_reason: "new_code", state_detail: "Something new." })).toEqual(["Something new."]);
    expect(told({ state_reason: "new_code" })).toEqual(["new_code"]);
  });
});

it("counts the keys that need somebody", () => {
  expect(needingAttention({ failed: 1, parked: 2 })).toBe(3);
});
