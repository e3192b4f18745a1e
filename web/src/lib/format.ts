import { currentLocale } from "./i18n";

export const NOTHING = "—";

export function formatNumber(value: number | null | undefined): string {
  return value == null ? NOTHING : value.toLocaleString(currentLocale());
}

export function formatCompact(value: number | null | undefined): string {
  if (value == null) return NOTHING;
  return new Intl.NumberFormat(currentLocale(), { notation: "compact", maximumFractionDigits: 1 }).format(
    value,
  );
}

export function formatPercent(value: number | null | undefined): string {
  return value == null ? NOTHING : `${value.toLocaleString(currentLocale(), { maximumFractionDigits: 1 })} %`;
}

/** Money as providers tell it: a request often costs less than a cent, so small sums keep their figures. */
export function formatCost(dollars: number): string {
  return dollars.toLocaleString(currentLocale(), {
    style: "currency",
    currency: "USD",
    minimumFractionDigits: 2,
    maximumSignificantDigits: dollars < 1 ? 4 : undefined,
  });
}

export function formatBytes(value: number | null | undefined): string {
  if (value == null) return NOTHING;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let rest = value;
  let unit = 0;
  while (rest >= 1024 && unit < units.length - 1) {
    rest /= 1024;
    unit += 1;
  }
  return `${rest.toLocaleString(currentLocale(), { maximumFractionDigits: rest < 10 ? 1 : 0 })} ${units[unit]}`;
}

export function formatDuration(seconds: number | null | undefined): string {
  if (seconds == null) return NOTHING;
  const days = Math.floor(seconds / 86_400);
  const hours = Math.floor((seconds % 86_400) / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min ${Math.floor(seconds % 60)} s` : `${Math.floor(seconds)} s`;
}

export function formatMilliseconds(value: number | null | undefined): string {
  if (value == null) return NOTHING;
  if (value < 1000) {
    return `${value.toLocaleString(currentLocale(), { maximumFractionDigits: value < 10 ? 1 : 0 })} ms`;
  }
  return `${(value / 1000).toLocaleString(currentLocale(), { maximumFractionDigits: value < 10_000 ? 1 : 0 })} s`;
}

export function formatDateTime(value: string | null | undefined): string {
  if (!value) return NOTHING;
  return new Date(value).toLocaleString(currentLocale(), { dateStyle: "medium", timeStyle: "medium" });
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];

export function formatAgo(value: string | null | undefined, now = Date.now()): string {
  if (!value) return NOTHING;
  const seconds = Math.round((new Date(value).getTime() - now) / 1000);
  const relative = new Intl.RelativeTimeFormat(currentLocale(), { numeric: "auto" });
  for (const [unit, size] of STEPS) {
    if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit);
  }
  return relative.format(0, "second");
}
