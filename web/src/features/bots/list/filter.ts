import type { BotStatus } from "@/api";
import { isTransitional, isUnknown } from "../status/state";

export const STATE_FILTERS = ["all", "running", "moving", "stopped", "error", "unknown"] as const;
export type StateFilter = (typeof STATE_FILTERS)[number];

/** The groups a user looks for. What is not known is in no other group: it is certainly not "stopped". */
export function stateGroup(status: BotStatus): Exclude<StateFilter, "all"> {
  if (isUnknown(status)) return "unknown";
  if (status.state === "error" || status.health === "unhealthy") return "error";
  if (isTransitional(status)) return "moving";
  return status.state === "running" ? "running" : "stopped";
}

export function passes(filter: StateFilter, status: BotStatus): boolean {
  return filter === "all" || stateGroup(status) === filter;
}
