import { Group, SimpleGrid, Text } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { Usage } from "@/api";
import { CopyIcon } from "@/components";
import { formatDateTime, formatMilliseconds, formatNumber, NOTHING } from "@/lib/format";

/** Everything else that is known about one request, narrow screens' columns included. */
export function UsageDetails({ row }: { row: Usage }) {
  const { t } = useTranslation();
  const attempts = row.attempts.map(({ status, reason }) =>
    [status ?? t("usage.noAnswer"), reason].filter(Boolean).join(" "),
  );
  const facts: [string, string][] = [
    [t("usage.time"), formatDateTime(row.at)],
    [t("usage.bot"), row.hostname],
    [t("usage.modelAsked"), row.model_asked ?? NOTHING],
    [t("usage.modelAnswered"), row.model_answered ?? NOTHING],
    [t("usage.endpoint"), `${row.method} ${row.endpoint}`],
    [t("usage.key"), row.key_label ?? NOTHING],
    [t("usage.status"), [row.status, row.error_code].filter(Boolean).join(" · ")],
    [t("usage.cached"), formatNumber(row.cache_read_tokens)],
    [t("usage.cacheWrite"), formatNumber(row.cache_write_tokens)],
    [t("usage.reasoning"), formatNumber(row.reasoning_tokens)],
    [t("usage.source"), t(`usage.sources.${row.usage_source}`)],
    [t("usage.firstByte"), formatMilliseconds(row.first_byte_ms)],
    [t("usage.duration"), formatMilliseconds(row.duration_ms)],
    [t("usage.attempts"), attempts.join(" → ") || NOTHING],
  ];
  return (
    <SimpleGrid cols={{ base: 2, sm: 3, md: 4 }} spacing="xs" verticalSpacing="xs" py="xs">
      {facts.map(([label, value]) => (
        <div key={label}>
          <Text size="xs" c="dimmed">
            {label}
          </Text>
          <Text size="sm" style={{ overflowWrap: "anywhere" }}>
            {value}
          </Text>
        </div>
      ))}
      <div>
        <Text size="xs" c="dimmed">
          {t("usage.trace")}
        </Text>
        <Group gap={4} wrap="nowrap">
          <Text size="xs" className="mono" style={{ overflowWrap: "anywhere" }}>
            {row.trace_id}
          </Text>
          <CopyIcon text={row.trace_id} label={t("action.copyThing", { thing: t("usage.trace") })} />
        </Group>
      </div>
    </SimpleGrid>
  );
}
