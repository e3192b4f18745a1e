import { useMutation } from "@tanstack/react-query";
import { send } from "@/api";
import type { Tone } from "@/components";

export type CheckStatus = "pass" | "warning" | "fail" | "skipped";
export type DiagnosisCheck = {
  name: string;
  code?: string | null;
  status: CheckStatus;
  detail: string;
  advice?: string | null;
  latency_ms?: number | null;
  params?: Record<string, unknown> | null;
};
export type Diagnosis = { checks: DiagnosisCheck[]; healthy: boolean };

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
    mutationFn: async (prompt: boolean): Promise<Diagnosis> => {
      const headers = { "content-type": "application/json" };
      const init = { method: "POST", headers, body: JSON.stringify({ prompt }) };
      return (await send(`/api/bot/${encodeURIComponent(hostname)}/diagnose`, init)).json();
    },
  });
}
