import { useMutation } from "@tanstack/react-query";
import { api, type DiagnosisCheck, unwrap } from "@/api";
import type { Tone } from "@/components";

export type CheckStatus = DiagnosisCheck["status"];

export const CHECK_TONES: Record<CheckStatus, Tone> = {
  pass: "good",
  warning: "warn",
  fail: "bad",
  skipped: "idle",
};

const ORDER: CheckStatus[] = ["fail", "warning", "pass", "skipped"];

/** What needs a look comes first; else the order in which the server tells it. */
export function byUrgency(checks: readonly DiagnosisCheck[]): DiagnosisCheck[] {
  return checks.toSorted((left, right) => ORDER.indexOf(left.status) - ORDER.indexOf(right.status));
}

export function useDiagnose(hostname: string) {
  return useMutation({
    mutationFn: (prompt: boolean) =>
      unwrap(api.POST("/api/bot/{hostname}/diagnose", { params: { path: { hostname } }, body: { prompt } })),
  });
}
