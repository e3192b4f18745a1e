import { SegmentedControl, SimpleGrid, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { LoadingRows, PageHeader, QueryView, Tile } from "@/components";
import { vendorsQuery } from "@/features/keys";
import { formatCompact, formatNumber, formatPercent } from "@/lib/format";
import { Breakdown } from "./Breakdown";
import { usageSummaryQuery } from "./queries";
import { UsageLog } from "./UsageLog";

const DAYS = ["1", "7", "30"];

export function UsagePage() {
  const { t } = useTranslation();
  const [days, setDays] = useState("7");
  const summary = useQuery(usageSummaryQuery(Number(days)));
  const vendors = useQuery(vendorsQuery);
  return (
    <>
      <PageHeader
        title={t("nav.usage")}
        description={t("usage.about")}
        actions={
          <SegmentedControl
            value={days}
            onChange={setDays}
            data={DAYS.map((value) => ({ value, label: t("usage.days", { count: Number(value) }) }))}
            aria-label={t("usage.period")}
          />
        }
      />
      <QueryView query={summary} loading={<LoadingRows rows={1} height={80} />}>
        {({ totals, by_vendor, by_bot }) => (
          <Stack gap="sm">
            <SimpleGrid cols={{ base: 2, sm: 4 }} spacing="sm">
              <Tile label={t("usage.requests")} value={formatNumber(totals.requests)} />
              <Tile
                label={t("usage.errors")}
                value={formatNumber(totals.errors)}
                note={
                  totals.requests > 0 ? formatPercent((100 * totals.errors) / totals.requests) : undefined
                }
              />
              <Tile label={t("usage.inputTokens")} value={formatCompact(totals.input_tokens)} />
              <Tile label={t("usage.outputTokens")} value={formatCompact(totals.output_tokens)} />
            </SimpleGrid>
            {totals.requests > 0 && (
              <SimpleGrid cols={{ base: 1, sm: 2 }} spacing="sm">
                <Breakdown title={t("usage.byBot")} totals={by_bot} />
                <Breakdown title={t("usage.byVendor")} totals={by_vendor} vendors={vendors.data} />
              </SimpleGrid>
            )}
          </Stack>
        )}
      </QueryView>
      <UsageLog />
    </>
  );
}
