import { Group, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { type Check, systemQuery } from "@/api";
import { ErrorAlert, PageHeader, Pill, QueryView, type Tone } from "@/components";
import { useIsAdmin } from "@/features/accounts";
import { IsolationWarning } from "@/features/bots";
import { formatMilliseconds } from "@/lib/format";
import { ContainersTable } from "./ContainersTable";
import { diagnosticsQuery } from "./diagnostics";
import { Gauges } from "./Gauges";
import { LatencyTable } from "./LatencyTable";
import { Orphans } from "./Orphans";
import { readyQuery } from "./queries";

const TONES: Record<Check["status"], Tone> = { ok: "good", warning: "warn", fail: "bad" };

export function SystemPage() {
  const { t } = useTranslation();
  const ready = useQuery(readyQuery);
  const system = useQuery(systemQuery);
  const isAdmin = useIsAdmin();
  return (
    <>
      <PageHeader title={t("nav.system")} description={t("system.about")} />
      <IsolationWarning warning={system.data?.isolation_warning} />
      <Stack gap="md">
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md">
          <Panel title={t("system.installation")}>
            <QueryView query={system}>
              {(info) => (
                <Stack gap={8}>
                  <Fact label={t("system.version")}>{info.version}</Fact>
                  <Fact label={t("system.environment")}>{t(`system.environments.${info.environment}`)}</Fact>
                  <Fact label={t("system.runtime")}>{info.runtime}</Fact>
                  <Fact label={t("system.isolation")}>
                    <Pill tone={info.isolated ? "good" : "warn"}>
                      {info.isolated ? t("system.isolated") : t("system.notIsolated")}
                    </Pill>
                  </Fact>
                  <Fact label={t("system.simulator")}>
                    {info.simulator_enabled ? t("system.on") : t("system.off")}
                  </Fact>
                  <Fact label={t("system.signUp")}>
                    {info.sign_up_open ? t("system.open") : t("system.closed")}
                  </Fact>
                </Stack>
              )}
            </QueryView>
          </Panel>
          <Panel title={t("system.health")}>
            <QueryView query={ready}>
              {({ status, checks }) => (
                <Stack gap={12}>
                  <div>
                    <Pill tone={status === "ready" ? "good" : "bad"}>{t(`system.ready.${status}`)}</Pill>
                  </div>
                  {checks.map((check) => (
                    <CheckRow key={check.name} check={check} />
                  ))}
                </Stack>
              )}
            </QueryView>
          </Panel>
        </SimpleGrid>
        {isAdmin && <AdminPanels />}
      </Stack>
    </>
  );
}

/** What only administrators may see: the machine and what runs on it, over all users. */
function AdminPanels() {
  const { t } = useTranslation();
  const diagnostics = useQuery(diagnosticsQuery);
  return (
    <>
      <Panel title={t("diagnostics.title")}>
        {diagnostics.error && diagnostics.data && <ErrorAlert error={diagnostics.error} />}
        <QueryView query={diagnostics}>
          {({ gauges, containers }) => (
            <Stack gap="md">
              <Gauges gauges={gauges} />
              <ContainersTable containers={containers} />
            </Stack>
          )}
        </QueryView>
      </Panel>
      {diagnostics.data && (
        <Panel title={t("diagnostics.api")}>
          <LatencyTable rows={diagnostics.data.latency} />
        </Panel>
      )}
      <Panel title={t("orphans.title")}>
        <Orphans />
      </Panel>
    </>
  );
}

function CheckRow({ check }: { check: Check }) {
  const { t } = useTranslation();
  return (
    <div>
      <Group gap="xs" justify="space-between" wrap="nowrap">
        <Text size="sm" fw={600}>
          {t(`system.checks.${check.name}`, { defaultValue: check.name })}
        </Text>
        <Group gap="xs" wrap="nowrap">
          {check.latency_ms != null && (
            <Text size="xs" c="dimmed" className="numeric">
              {formatMilliseconds(check.latency_ms)}
            </Text>
          )}
          <Pill tone={TONES[check.status]}>{t(`system.status.${check.status}`)}</Pill>
        </Group>
      </Group>
      <Text size="sm" c="dimmed">
        {check.detail}
      </Text>
      {check.hint && <Text size="sm">{check.hint}</Text>}
    </div>
  );
}

function Panel({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Stack component="section" className="panel" p="md" gap="sm">
      <Title order={2}>{title}</Title>
      {children}
    </Stack>
  );
}

function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <Group gap="md" wrap="nowrap">
      <Text size="sm" c="dimmed" w={150} style={{ flex: "none" }}>
        {label}
      </Text>
      <Text size="sm" component="div">
        {children}
      </Text>
    </Group>
  );
}
