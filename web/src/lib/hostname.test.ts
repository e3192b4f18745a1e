import { describe, expect, it } from "vitest";
import { isHostname, suggestHostname } from "./hostname";

describe("suggestHostname", () => {
  it.each([
    ["Support Desk", "support-desk"],
    ["  Café №5 — Zürich! ", "cafe-no5-zurich"],
    ["stats", "stats-bot"],
    ["", ""],
    ["x".repeat(100), "x".repeat(64)],
    [`${"x".repeat(63)}-y`, "x".repeat(63)],
  ])("%j becomes %j", (name, hostname) => expect(suggestHostname(name)).toBe(hostname));

  it.each(["客服机器人", "B", "🤖", "a b c"])("always gives a valid hostname: %s", (name) => {
    expect(isHostname(suggestHostname(name))).toBe(true);
  });

  it("gives different names of other scripts different hostnames", () => {
    expect(suggestHostname("客服机器人")).not.toBe(suggestHostname("代码助手"));
  });
});

describe("isHostname", () => {
  it.each(["a", "-a", "a-", "A1", "a_b", "admin", "a".repeat(65), ""])("refuses %j", (value) => {
    expect(isHostname(value)).toBe(false);
  });
});
