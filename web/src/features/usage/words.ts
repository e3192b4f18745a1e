import type { Usage } from "@/api";
import type { Tone } from "@/components";
import { formatCost, formatNumber, NOTHING } from "@/lib/format";
import { i18n } from "@/lib/i18n";

/** What a code of the proxy or a kind of the provider's errors means; the code itself, where it is not known. */
export function codeText(code: string): string {
  return i18n.t(`usage.codes.${code}`, { defaultValue: code });
}

/** A client that left by itself is no failure; whatever else has a code is one. */
export function outcomeTone({ status, error_code }: Pick<Usage, "status" | "error_code">): Tone {
  if (error_code === "client_closed") return "idle";
  return status >= 400 || error_code !== null ? "bad" : "good";
}

/** A count as the row has it: an estimate is marked as one, an unknown count is no 0. */
export function countText(count: number | null, source: Usage["usage_source"]): string {
  if (count === null) return NOTHING;
  return source === "estimated"
    ? i18n.t("usage.estimate", { count: formatNumber(count) })
    : formatNumber(count);
}

/** What only some answers tell, in words and in the order of the words; a name without words as it is. */
export function detailsOf({ details }: Pick<Usage, "details">): [string, string][] {
  return Object.entries(details ?? {})
    .map(([name, value]): [string, string] => [
      i18n.t(`usage.detail.${name}`, { defaultValue: name }),
      detailValue(name, value),
    ])
    .sort(([a], [b]) => a.localeCompare(b));
}

function detailValue(name: string, value: string | number): string {
  if (typeof value === "string") return value;
  return name.endsWith("_usd") ? formatCost(value) : formatNumber(value);
}

/** A try with a key: how it went, in words. */
export function attemptText({ status, reason }: Usage["attempts"][number]): string {
  const said = [status, reason && codeText(reason)].filter((part) => part != null);
  return said.join(" · ") || i18n.t("usage.noAnswer");
}

export function attemptKey({ key_id, key_label }: Usage["attempts"][number]): string {
  return key_label ?? i18n.t(key_id === null ? "usage.noKey" : "usage.keyGone");
}
