import { useTranslation } from "react-i18next";
import type { BotStatus } from "@/api";
import { Pill } from "@/components";
import { isUnknown, toneOf } from "./state";

export function StatePill({ status }: { status: BotStatus }) {
  const { t } = useTranslation();
  return <Pill tone={toneOf(status)}>{words(t, status)}</Pill>;
}

function words(t: ReturnType<typeof useTranslation>["t"], status: BotStatus): string {
  if (isUnknown(status)) return t("bots.unknown");
  const state = t(`bots.states.${status.state}`);
  const unwell = status.state === "running" && status.health === "unhealthy";
  return unwell ? `${state} · ${t("bots.health.unhealthy")}` : state;
}
