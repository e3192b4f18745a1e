import { describe, expect, it } from "vitest";
import type { BotStatus } from "@/api";
import { passes, stateGroup } from "./filter";

const status = (given: Partial<BotStatus>): BotStatus => ({
  state: "running",
  desired: "running",
  health: "healthy",
  code: null,
  detail: null,
  observed_at: null,
  ...given,
});

describe("stateGroup", () => {
  it("puts each bot where a user would look for it", () => {
    expect(stateGroup(status({}))).toBe("running");
    expect(stateGroup(status({ state: "starting" }))).toBe("moving");
    expect(stateGroup(status({ state: "created" }))).toBe("moving");
    expect(stateGroup(status({ state: "stopped", desired: "stopped" }))).toBe("stopped");
    expect(stateGroup(status({ state: "error" }))).toBe("error");
    expect(stateGroup(status({ health: "unhealthy" }))).toBe("error");
  });

  it("never takes a bot whose runtime cannot be reached for a stopped one", () => {
    const lost = status({ state: "stopped", desired: "stopped", code: "runtime_unavailable" });
    expect(stateGroup(lost)).toBe("unknown");
    expect(passes("stopped", lost)).toBe(false);
    expect(passes("all", lost)).toBe(true);
  });
});
