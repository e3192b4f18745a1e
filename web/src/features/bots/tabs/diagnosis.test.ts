import { expect, it } from "vitest";
import { byUrgency, type CheckStatus } from "./diagnosis";

it("puts what needs a look first and keeps the order of the rest", () => {
  const statuses: CheckStatus[] = ["pass", "skipped", "warning", "fail", "pass"];
  const checks = statuses.map((status, index) => ({ name: `${index}`, status, detail: "" }));
  expect(byUrgency(checks).map((check) => check.name)).toEqual(["3", "2", "0", "4", "1"]);
});
