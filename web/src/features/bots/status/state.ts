import type { BotStatus } from "@/api";
import type { Tone } from "@/components";

export const POLL_TRANSITIONAL = 1_500;
export const POLL_IDLE = 10_000;

const MOVING = new Set<BotStatus["state"]>(["starting", "stopping", "deleting"]);

/** True when the place where it runs cannot be reached: what was seen last may not hold any more. */
export const isUnknown = ({ code }: BotStatus): boolean => code === "runtime_unavailable";

/** True while the state is on its way to another one, so that it is worth looking again soon. */
export function isTransitional({ state, desired, health }: BotStatus): boolean {
  if (MOVING.has(state)) return true;
  if (state === "running") return desired !== "running" || health === "unknown";
  return (state === "created" || state === "stopped") && desired === "running";
}

export function toneOf(status: BotStatus): Tone {
  if (isUnknown(status)) return "warn";
  if (MOVING.has(status.state)) return "busy";
  if (status.state === "error") return "bad";
  if (status.state !== "running") return "idle";
  return status.health === "unhealthy" ? "warn" : "good";
}

export const canStart = ({ state, desired }: BotStatus): boolean =>
  desired !== "deleted" && (desired === "stopped" || state === "error" || state === "draft");

export const canStop = ({ desired }: BotStatus): boolean => desired === "running";
