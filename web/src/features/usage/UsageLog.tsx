import { SegmentedControl, Select, SimpleGrid, TextInput, Title } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { vendorOptions, vendorsQuery } from "@/features/keys";
import { UsageTable } from "./UsageTable";

const OUTCOMES = ["all", "served", "failed"] as const;

/** The requests one by one, with all the filters that the API has. */
export function UsageLog() {
  const { t } = useTranslation();
  const [hostname, setHostname] = useState("");
  const [vendor, setVendor] = useState<string | null>(null);
  const [outcome, setOutcome] = useState<string>("all");
  const [trace, setTrace] = useState("");
  const [[host, trace_id]] = useDebouncedValue([hostname.trim(), trace.trim()], 300);
  const vendors = useQuery(vendorsQuery);
  return (
    <section>
      <Title order={2} mt="xl" mb="sm">
        {t("usage.log")}
      </Title>
      <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }} spacing="xs" mb="sm">
        <TextInput
          aria-label={t("usage.filterBot")}
          placeholder={t("usage.filterBot")}
          value={hostname}
          onChange={(event) => setHostname(event.currentTarget.value)}
        />
        <Select
          aria-label={t("usage.filterVendor")}
          placeholder={t("usage.filterVendor")}
          data={vendorOptions(vendors.data ?? [])}
          searchable
          clearable
          clearButtonProps={{ "aria-label": t("action.clear") }}
          value={vendor}
          onChange={setVendor}
        />
        <TextInput
          aria-label={t("usage.filterTrace")}
          placeholder={t("usage.filterTrace")}
          value={trace}
          onChange={(event) => setTrace(event.currentTarget.value)}
          autoComplete="off"
          spellCheck={false}
        />
        <SegmentedControl
          aria-label={t("usage.filterFailed")}
          value={outcome}
          onChange={setOutcome}
          data={OUTCOMES.map((value) => ({ value, label: t(`usage.outcome.${value}`) }))}
          fullWidth
        />
      </SimpleGrid>
      <UsageTable
        hostname={host || undefined}
        vendor={vendor ?? undefined}
        trace_id={trace_id || undefined}
        failed={outcome === "all" ? undefined : outcome === "failed"}
        showBot
      />
    </section>
  );
}
