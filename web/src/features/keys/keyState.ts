import type { TFunction } from "i18next";
import type { ProviderKey } from "@/api";
import type { Tone } from "@/components";
import { formatDateTime } from "@/lib/format";

export type KeyState = ProviderKey["state"];

export const TONES: Record<KeyState, Tone> = {
  active: "good",
  cooling: "warn",
  parked: "bad",
  failed: "bad",
  disabled: "idle",
};

type Told = Pick<ProviderKey, "state_reason" | "state_detail" | "cooled_until" | "next_check_at">;

/** Why a key is not used, what its owner can do, and what happens by itself: plain sentences; [] = it is used. */
export function explain(key: Told, t: TFunction): string[] {
  if (!key.state_reason) return key.state_detail ? [key.state_detail] : [];
  // A code that this console does not know yet is still told, in the server's own words.
  const why = t(`keys.reasons.${key.state_reason}`, { defaultValue: key.state_detail ?? key.state_reason });
  const advice = t(`keys.advice.${key.state_reason}`, { defaultValue: "" });
  const again = key.cooled_until
    ? t("keys.usedAgain", { time: formatDateTime(key.cooled_until) })
    : key.next_check_at
      ? t("keys.checkedAgain", { time: formatDateTime(key.next_check_at) })
      : "";
  return [why, advice, again].filter(Boolean);
}

/** How many keys will not be used until somebody does something. */
export function needingAttention(health: { failed: number; parked: number }): number {
  return health.failed + health.parked;
}
