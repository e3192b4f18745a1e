import { expect, it } from "vitest";
import { byUrgency, type CheckStatus } from "./diagnosis";

it("puts what needs a look first and keeps the order of the rest", () => {
  const statuses: CheckStatus[] = ["pass", "skipped", "warning", "fail", "pass"];
  const checks = statuses.map((status, index) => ({
    name: "key" as const,
    code: `${index}`,
    status,
    detail: "",
    latency_ms: 0,
  }));
  expect(byUrgency(checks).map((check) => check.code)).toEqual(["3", "2", "0", "4", "1"]);
});
