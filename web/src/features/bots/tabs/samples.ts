import type { BotStats } from "@/api";

export type Sample = {
  at: number;
  cpu: number | null;
  memory: number | null;
  received: number | null;
  sent: number | null;
};

/** Five minutes at one sample in three seconds. */
export const MOST_SAMPLES = 100;

const isSame = (left: Sample, at: number) => left.at === at;

/** Adds what was measured now. What an instance counted starts again at zero with another instance. */
export function addSample(before: readonly Sample[], at: number, stats: BotStats): readonly Sample[] {
  const last = before.at(-1);
  if (last && isSame(last, at)) return before;
  const sample: Sample = {
    at,
    cpu: stats.cpu_percent ?? null,
    memory: stats.memory_bytes ?? null,
    received: stats.received_bytes ?? null,
    sent: stats.sent_bytes ?? null,
  };
  return [...before, sample].slice(-MOST_SAMPLES);
}

/** Bytes a second between neighbours; null where it cannot be told. */
export function rates(samples: readonly Sample[], of: "received" | "sent"): (number | null)[] {
  return samples.slice(1).map((sample, index) => {
    const before = samples[index];
    const now = sample[of];
    const then = before?.[of] ?? null;
    if (!before || now === null || then === null || now < then || sample.at <= before.at) return null;
    return ((now - then) / (sample.at - before.at)) * 1000;
  });
}
