import { type ApiError, asApiError } from "@/api/problem";
import { currentLocale, i18n } from "./i18n";

/** What to tell the user. The server's own words are English and the most exact; others get the translation of the code. */
export function errorText(error: unknown): string {
  const problem = asApiError(error);
  if (currentLocale() === "en" && problem.detail) return problem.detail;
  const key = `problem.${problem.code}`;
  if (!i18n.exists(key)) return problem.detail || i18n.t("problem.http_error", { status: problem.status });
  return i18n.t(key, { ...problem.params, detail: problem.detail });
}

function fieldText(code: string, detail: string): string {
  if (currentLocale() === "en" && detail) return detail;
  for (const key of [`field.${code}`, `problem.${code}`]) {
    if (i18n.exists(key)) return i18n.t(key, { detail });
  }
  return detail;
}

/** The field errors of a problem by form field, and whether all of them found a field of the form. */
export function formErrors(error: unknown, fields: readonly string[]) {
  const problem: ApiError = asApiError(error);
  const byField: Record<string, string> = {};
  let allPlaced = problem.fields.length > 0;
  for (const { field, code, detail } of problem.fields) {
    const path = field.replace(/^body\./, "");
    const target = fields.find((name) => path === name || path.startsWith(`${name}.`));
    if (target === undefined) allPlaced = false;
    else byField[target] ??= fieldText(code, detail);
  }
  return { byField, allPlaced };
}
