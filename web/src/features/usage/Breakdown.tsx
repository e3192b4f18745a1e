import { Stack, Text, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";
import type { UsageTotals, Vendor } from "@/api";
import { formatCompact, formatNumber } from "@/lib/format";
import classes from "./Breakdown.module.css";

const SHOWN = 5;

type Props = { title: string; totals: Record<string, UsageTotals>; vendors?: readonly Vendor[] };

/** Who used most: a bar for each, by tokens, with the numbers in words beside it. */
export function Breakdown({ title, totals, vendors }: Props) {
  const { t } = useTranslation();
  const rows = Object.entries(totals)
    .map(([id, sums]) => ({ id, requests: sums.requests, tokens: sums.input_tokens + sums.output_tokens }))
    .sort((a, b) => b.tokens - a.tokens || b.requests - a.requests);
  const most = Math.max(1, ...rows.map((row) => row.tokens));
  return (
    <section className="panel" style={{ padding: "0.9rem 1rem" }}>
      <Title order={2} fz="sm" mb="xs">
        {title}
      </Title>
      <Stack component="ul" gap={8} className={classes.list}>
        {rows.slice(0, SHOWN).map(({ id, requests, tokens }) => (
          <li key={id}>
            <div className={classes.line}>
              <Text span size="sm" truncate>
                {vendors?.find((vendor) => vendor.id === id)?.name ?? id}
              </Text>
              <Text span size="xs" c="dimmed" className="numeric">
                {t("usage.breakdown", {
                  tokens: formatCompact(tokens),
                  requests: formatNumber(requests),
                  count: requests,
                })}
              </Text>
            </div>
            <div className={classes.track} aria-hidden="true">
              <div className={classes.bar} style={{ width: `${Math.max(1, (100 * tokens) / most)}%` }} />
            </div>
          </li>
        ))}
      </Stack>
      {rows.length > SHOWN && (
        <Text size="xs" c="dimmed" mt="xs">
          {t("keys.andMore", { count: rows.length - SHOWN })}
        </Text>
      )}
    </section>
  );
}
