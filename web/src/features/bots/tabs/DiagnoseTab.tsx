import { Alert, Button, Group, Loader, Stack, Switch, Text } from "@mantine/core";
import { IconStethoscope } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Diagnosis, DiagnosisCheck } from "@/api";
import { EmptyState, ErrorAlert, Pill } from "@/components";
import { useVendorName } from "@/features/keys";
import { formatMilliseconds } from "@/lib/format";
import { currentLocale } from "@/lib/i18n";
import { byUrgency, CHECK_TONES, useDiagnose } from "./diagnosis";

/** Looks at everything a bot needs, from its key to its network, and says what to do. */
export function DiagnoseTab({ hostname }: { hostname: string }) {
  const { t } = useTranslation();
  const [prompt, setPrompt] = useState(true);
  const diagnose = useDiagnose(hostname);
  return (
    <Stack gap="md">
      <Group justify="space-between" gap="sm">
        <Switch
          label={t("diagnose.prompt")}
          description={t("diagnose.promptHelp")}
          checked={prompt}
          onChange={(event) => setPrompt(event.currentTarget.checked)}
        />
        <Button
          leftSection={<IconStethoscope size={16} aria-hidden="true" />}
          loading={diagnose.isPending}
          onClick={() => diagnose.mutate(prompt)}
        >
          {t(diagnose.data ? "diagnose.again" : "diagnose.run")}
        </Button>
      </Group>
      {diagnose.isPending && (
        <Group className="panel" p="md" gap="sm" role="status">
          <Loader size={18} aria-hidden="true" />
          <Text size="sm">{t("diagnose.running")}</Text>
        </Group>
      )}
      {diagnose.error && <ErrorAlert error={diagnose.error} title={t("diagnose.failed")} />}
      {diagnose.data && <Result diagnosis={diagnose.data} />}
      {diagnose.isIdle && (
        <EmptyState icon={<IconStethoscope />} title={t("diagnose.idle")}>
          {t("diagnose.about")}
        </EmptyState>
      )}
    </Stack>
  );
}

function Result({ diagnosis }: { diagnosis: Diagnosis }) {
  const { t } = useTranslation();
  return (
    <>
      <Alert color={diagnosis.healthy ? "green" : "red"} p="sm" role="status">
        {t(diagnosis.healthy ? "diagnose.healthy" : "diagnose.unhealthy")}
      </Alert>
      <Stack component="ul" className="panel" gap={0} m={0} p={0} style={{ listStyle: "none" }}>
        {byUrgency(diagnosis.checks).map((check, index) => (
          <li
            key={`${check.name}/${JSON.stringify(check.params)}`}
            style={index > 0 ? { borderTop: "1px solid var(--cbm-border)" } : undefined}
          >
            <CheckRow check={check} />
          </li>
        ))}
      </Stack>
    </>
  );
}

function CheckRow({ check }: { check: DiagnosisCheck }) {
  const { t } = useTranslation();
  const { detail, advice } = useWords(check);
  const vendorName = useVendorName();
  return (
    <Group p="md" gap="md" align="flex-start" justify="space-between">
      <Stack gap={2} style={{ flex: "1 1 16rem" }} miw={0}>
        <Text size="sm" fw={600}>
          {t(`diagnose.name.${check.name}`)}
          {check.params?.vendor && ` · ${vendorName(check.params.vendor)}`}
        </Text>
        <Text size="sm" c="dimmed" style={{ overflowWrap: "anywhere" }}>
          {detail}
        </Text>
        {advice && <Text size="sm">{advice}</Text>}
      </Stack>
      <Group gap="xs" wrap="nowrap">
        {Boolean(check.latency_ms) && (
          <Text size="xs" c="dimmed" className="numeric">
            {formatMilliseconds(check.latency_ms)}
          </Text>
        )}
        <Pill tone={CHECK_TONES[check.status]}>{t(`diagnose.status.${check.status}`)}</Pill>
      </Group>
    </Group>
  );
}

/** The server's own words are English and the most exact; in other languages its code is translated where known. */
function useWords(check: DiagnosisCheck) {
  const { t, i18n } = useTranslation();
  const key = `diagnose.codes.${check.name}.${check.code}`;
  if (currentLocale() === "en" || !i18n.exists(key)) return check;
  const params = check.params ?? {};
  const advice = `diagnose.advice.${check.name}.${check.code}`;
  return { detail: t(key, params), advice: i18n.exists(advice) ? t(advice, params) : check.advice };
}
