import { useTranslation } from "react-i18next";
import type { BotStatus } from "@/api";
import { Pill } from "@/components";
import { toneOf } from "./state";

export function StatePill({ status }: { status: BotStatus }) {
  const { t } = useTranslation();
  const state = t(`bots.states.${status.state}`);
  const unwell = status.state === "running" && status.health === "unhealthy";
  return <Pill tone={toneOf(status)}>{unwell ? `${state} · ${t("bots.health.unhealthy")}` : state}</Pill>;
}
