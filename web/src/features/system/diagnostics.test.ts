import { describe, expect, it } from "vitest";
import type { ContainerUse } from "@/api";
import { nextSorting, sorted } from "./diagnostics";

const row = (hostname: string, cpu_percent: number | null): ContainerUse => ({
  hostname,
  owner: null,
  state: "running",
  cpu_percent,
  memory_bytes: null,
  memory_limit_bytes: null,
  processes: null,
  received_bytes: null,
  sent_bytes: null,
  uptime_seconds: null,
});
const rows = [row("b", 5), row("c", null), row("a", 50)];
const names = (column: "hostname" | "cpu_percent", descending: boolean) =>
  sorted(rows, { column, descending }).map((item) => item.hostname);

describe("sorted", () => {
  it("orders words and numbers, with what is not known last in both directions", () => {
    expect(names("hostname", false)).toEqual(["a", "b", "c"]);
    expect(names("hostname", true)).toEqual(["c", "b", "a"]);
    expect(names("cpu_percent", true)).toEqual(["a", "b", "c"]);
    expect(names("cpu_percent", false)).toEqual(["b", "a", "c"]);
  });

  it("leaves the rows it was given alone", () => {
    expect(rows.map((item) => item.hostname)).toEqual(["b", "c", "a"]);
  });
});

it("sorts numbers from the largest, words from A, and turns round at the second click", () => {
  const first = nextSorting({ column: "hostname", descending: false }, "cpu_percent");
  expect(first).toEqual({ column: "cpu_percent", descending: true });
  expect(nextSorting(first, "cpu_percent").descending).toBe(false);
  expect(nextSorting(first, "owner").descending).toBe(false);
});
