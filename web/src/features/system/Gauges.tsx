import { Group, Progress, SimpleGrid, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Gauge } from "@/api";
import { Pill, type Tone } from "@/components";
import { formatBytes, formatNumber, formatPercent } from "@/lib/format";

type Level = Gauge["level"];

const TONES: Record<Level, Tone> = { ok: "good", warning: "warn", danger: "bad" };
const COLORS: Record<Level, string> = { ok: "tide", warning: "orange", danger: "red" };

export function Gauges({ gauges }: { gauges: readonly Gauge[] }) {
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }} spacing="sm">
      {gauges.map((gauge) => (
        <GaugeTile key={gauge.name} gauge={gauge} />
      ))}
    </SimpleGrid>
  );
}

function GaugeTile({ gauge }: { gauge: Gauge }) {
  const { t } = useTranslation();
  const name = t(`diagnostics.gauge.${gauge.name}`, { defaultValue: gauge.name });
  const show = gauge.name === "load" ? formatNumber : formatBytes;
  return (
    <div className="panel" style={{ padding: "0.75rem 1rem" }}>
      <Group justify="space-between" gap="xs" wrap="nowrap">
        <Text size="xs" c="dimmed" fw={550}>
          {name}
        </Text>
        <Pill tone={TONES[gauge.level]}>{t(`diagnostics.level.${gauge.level}`)}</Pill>
      </Group>
      <Text fz="xl" fw={650} lh={1.35} style={{ fontVariantNumeric: "tabular-nums" }}>
        {gauge.percent === null ? show(gauge.used) : formatPercent(gauge.percent)}
      </Text>
      {gauge.percent !== null && (
        <Progress
          value={Math.min(gauge.percent, 100)}
          color={COLORS[gauge.level]}
          size="sm"
          mt={4}
          aria-label={name}
        />
      )}
      {gauge.percent !== null && gauge.used !== null && gauge.total !== null && (
        <Text size="xs" c="dimmed" mt={4}>
          {t("diagnostics.usedOf", { used: show(gauge.used), total: show(gauge.total) })}
        </Text>
      )}
    </div>
  );
}
