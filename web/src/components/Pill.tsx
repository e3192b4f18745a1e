import { IconFlask } from "@tabler/icons-react";
import type { CSSProperties } from "react";
import { useTranslation } from "react-i18next";

export type Tone = "good" | "busy" | "warn" | "bad" | "idle";

const COLORS: Record<Tone, string> = {
  good: "var(--mantine-color-green-6)",
  busy: "var(--mantine-color-blue-5)",
  warn: "var(--mantine-color-orange-5)",
  bad: "var(--mantine-color-red-6)",
  idle: "var(--mantine-color-gray-5)",
};

/** A state in words, with a dot of its colour: the colour alone never says anything. */
export function Pill({ tone, children, title }: { tone: Tone; children: string; title?: string }) {
  return (
    <span className="pill" title={title} style={{ "--pill-color": COLORS[tone] } as CSSProperties}>
      <span
        className="pill-dot"
        data-busy={tone === "busy" || undefined}
        data-hollow={tone === "idle" || undefined}
        aria-hidden="true"
      />
      {children}
    </span>
  );
}

export function SimulatedBadge() {
  const { t } = useTranslation();
  return (
    <span className="simulated" title={t("simulated.help")}>
      <IconFlask size={12} aria-hidden="true" />
      {t("simulated.label")}
    </span>
  );
}
