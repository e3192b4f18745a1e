import { describe, expect, it } from "vitest";
import { isOnItsWay, isProblem, startSteps } from "./steps";

type Starting = Parameters<typeof startSteps>[0];

function bot(state: Starting["status"]["state"], code: string | null, runtime = "docker"): Starting {
  return { runtime, status: { state, desired: "running", code } };
}

const states = (starting: Starting) => startSteps(starting).map((step) => step.state);

describe("startSteps", () => {
  it("goes from the image to the prompt that came back", () => {
    expect(states(bot("created", "image_pull"))).toEqual(["now", "waiting", "waiting", "waiting"]);
    expect(states(bot("created", null))).toEqual(["done", "now", "waiting", "waiting"]);
    expect(states(bot("starting", "start_queued"))).toEqual(["done", "now", "waiting", "waiting"]);
    expect(states(bot("starting", null))).toEqual(["done", "done", "now", "waiting"]);
    expect(states(bot("starting", "proving"))).toEqual(["done", "done", "done", "now"]);
  });

  it("stops where it failed", () => {
    expect(states(bot("error", "image_pull"))[0]).toBe("failed");
    expect(states(bot("error", "instance_failed"))).toEqual(["done", "failed", "waiting", "waiting"]);
    expect(states(bot("error", "bot_ended"))).toEqual(["done", "done", "failed", "waiting"]);
    expect(states(bot("error", "proof_key"))).toEqual(["done", "done", "done", "failed"]);
    expect(states(bot("error", "something_new"))).toContain("failed");
  });

  it("has no image where the runtime has none", () => {
    expect(startSteps(bot("starting", null, "process")).map((step) => step.name)).toEqual([
      "instance",
      "ready",
      "proof",
    ]);
  });
});

it("tells progress from problems, also from those it does not know", () => {
  expect([null, "image_pull", "proving", "start_queued"].some(isProblem)).toBe(false);
  expect(["proof_bot", "runtime_unavailable", "something_new"].every(isProblem)).toBe(true);
});

it("is on its way while it is wanted and does not run yet", () => {
  expect(isOnItsWay(bot("error", "proof_key"))).toBe(true);
  expect(isOnItsWay(bot("running", null))).toBe(false);
  expect(
    isOnItsWay({ runtime: "docker", status: { state: "stopped", desired: "stopped", code: null } }),
  ).toBe(false);
});
