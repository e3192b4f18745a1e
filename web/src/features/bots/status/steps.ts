import type { Bot } from "@/api";

export const STEPS = ["image", "instance", "ready", "proof"] as const;
export type StepName = (typeof STEPS)[number];
export type StepState = "done" | "now" | "failed" | "waiting";
export type Step = { name: StepName; state: StepState };

type Starting = Pick<Bot, "runtime"> & { status: Pick<Bot["status"], "state" | "desired" | "code"> };

/** What only tells how far a start is: nothing is wrong. */
const PROGRESS_CODES = new Set(["image_pull", "start_queued", "proving"]);

const FAILED_AT: Record<string, StepName> = {
  workspace_failed: "instance",
  instance_failed: "instance",
  runtime_unavailable: "instance",
  bot_ended: "ready",
  not_ready: "ready",
};

export function isProblem(code: string | null): boolean {
  return code !== null && !PROGRESS_CODES.has(code);
}

/** False where bots run as plain processes, which are made from nothing that could be fetched. */
export function hasImages({ runtime }: Pick<Bot, "runtime">): boolean {
  return runtime !== "process";
}

/** True from the wish that it runs until it has answered. */
export function isOnItsWay({ status }: Starting): boolean {
  return status.desired === "running" && status.state !== "running";
}

/** How far a bot is on its way to its first answer. */
export function startSteps(bot: Starting): Step[] {
  const names = STEPS.filter((name) => name !== "image" || hasImages(bot));
  const { at, failed } = whereIsIt(bot.status);
  const position = names.indexOf(at);
  return names.map((name, index) => ({ name, state: stateAt(index - position, failed) }));
}

function stateAt(distance: number, failed: boolean): StepState {
  if (distance !== 0) return distance < 0 ? "done" : "waiting";
  return failed ? "failed" : "now";
}

function whereIsIt({ state, code }: Starting["status"]): { at: StepName; failed: boolean } {
  if (code === "image_pull") return { at: "image", failed: state === "error" };
  if (code === "proving") return { at: "proof", failed: false };
  if (code?.startsWith("proof_")) return { at: "proof", failed: true };
  const failedAt = code === null ? undefined : FAILED_AT[code];
  if (failedAt) return { at: failedAt, failed: true };
  return { at: state === "starting" && code === null ? "ready" : "instance", failed: state === "error" };
}
