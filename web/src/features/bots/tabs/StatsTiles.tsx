import { SimpleGrid } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Bot } from "@/api";
import { ErrorAlert, Sparkline, Tile } from "@/components";
import { formatBytes, formatDuration, formatNumber, formatPercent, NOTHING } from "@/lib/format";
import { botStatsQuery } from "../queries";
import { addSample, rates, type Sample } from "./samples";

/** What the bot uses now, and the last minutes of it for as long as this page was open. */
export function StatsTiles({ bot }: { bot: Bot }) {
  const { t } = useTranslation();
  const [samples, setSamples] = useState<readonly Sample[]>([]);
  const { data, dataUpdatedAt, error } = useQuery(botStatsQuery(bot.hostname));
  useEffect(() => {
    if (data) setSamples((before) => addSample(before, dataUpdatedAt, data));
  }, [data, dataUpdatedAt]);

  const limit = data?.memory_limit_bytes ?? null;
  const received = rates(samples, "received");
  const sent = rates(samples, "sent");
  const speed = (values: (number | null)[]) => {
    const last = values.at(-1);
    return last != null ? `${formatBytes(Math.round(last))}/s` : NOTHING;
  };
  return (
    <>
      {error && <ErrorAlert error={error} />}
      <SimpleGrid cols={{ base: 2, md: 4 }} spacing="sm">
        <Tile label={t("stats.cpu")} value={formatPercent(data?.cpu_percent)}>
          <Sparkline
            values={samples.map((sample) => sample.cpu)}
            label={t("stats.over", { name: t("stats.cpu") })}
          />
        </Tile>
        <Tile
          label={t("stats.memory")}
          value={formatBytes(data?.memory_bytes)}
          note={limit ? t("stats.ofLimit", { limit: formatBytes(limit) }) : undefined}
        >
          <Sparkline
            values={samples.map((sample) => sample.memory)}
            max={limit}
            label={t("stats.over", { name: t("stats.memory") })}
          />
        </Tile>
        <Tile label={t("stats.network")} value={`↓ ${speed(received)}`} note={`↑ ${speed(sent)}`}>
          <Sparkline
            values={received.map((value, index) => (value === null ? null : value + (sent[index] ?? 0)))}
            label={t("stats.over", { name: t("stats.network") })}
          />
        </Tile>
        <Tile
          label={t("stats.uptime")}
          value={formatDuration(data?.uptime_seconds)}
          note={t("stats.processCount", { processes: formatNumber(data?.processes) })}
        />
      </SimpleGrid>
    </>
  );
}
