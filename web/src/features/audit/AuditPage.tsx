import { Button, SegmentedControl, Select, SimpleGrid, Switch, TextInput } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconDownload } from "@tabler/icons-react";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { PageHeader } from "@/components";
import { useUser } from "@/features/accounts";
import { notifyError } from "@/lib/notify";
import { saveFile } from "@/lib/saveFile";
import { AuditTable } from "./AuditTable";
import { ACTIONS, type AuditFilter, exportAudit, KINDS } from "./queries";

const OUTCOMES = ["all", "done", "refused"] as const;

export function AuditPage() {
  const { t } = useTranslation();
  const user = useUser();
  const [action, setAction] = useState<string | null>(null);
  const [kind, setKind] = useState<string | null>(null);
  const [target, setTarget] = useState("");
  const [outcome, setOutcome] = useState<string>("all");
  const [everybody, setEverybody] = useState(false);
  const [name] = useDebouncedValue(target.trim(), 300);
  const filter: AuditFilter = {
    action: ACTIONS.find((one) => one === action),
    kind: KINDS.find((one) => one === kind),
    target: name || undefined,
    refused: outcome === "all" ? undefined : outcome === "refused",
    everybody: everybody || undefined,
  };
  const download = useMutation({
    mutationFn: () => exportAudit(filter),
    onSuccess: (file) => saveFile(file, "audit.csv"),
    onError: (error) => notifyError(error, t("nav.audit")),
  });
  const clear = { "aria-label": t("action.clear") };
  return (
    <>
      <PageHeader
        title={t("nav.audit")}
        description={t("audit.about")}
        actions={
          <Button
            variant="default"
            leftSection={<IconDownload size={16} aria-hidden="true" />}
            loading={download.isPending}
            onClick={() => download.mutate()}
          >
            {t("audit.export")}
          </Button>
        }
      />
      <SimpleGrid cols={{ base: 1, xs: 2, md: 4 }} spacing="xs" mb="sm">
        <Select
          aria-label={t("audit.filterAction")}
          placeholder={t("audit.filterAction")}
          data={ACTIONS.map((value) => ({ value, label: t(`audit.actions.${value}`) }))}
          clearable
          clearButtonProps={clear}
          value={action}
          onChange={setAction}
        />
        <Select
          aria-label={t("audit.filterKind")}
          placeholder={t("audit.filterKind")}
          data={KINDS.map((value) => ({ value, label: t(`audit.kinds.${value}`) }))}
          clearable
          clearButtonProps={clear}
          value={kind}
          onChange={setKind}
        />
        <TextInput
          aria-label={t("audit.filterTarget")}
          placeholder={t("audit.filterTarget")}
          value={target}
          onChange={(event) => setTarget(event.currentTarget.value)}
        />
        <SegmentedControl
          aria-label={t("audit.outcome")}
          value={outcome}
          onChange={setOutcome}
          data={OUTCOMES.map((value) => ({ value, label: t(`audit.outcomes.${value}`) }))}
          fullWidth
        />
      </SimpleGrid>
      {user?.role === "admin" && (
        <Switch
          mb="sm"
          label={t("audit.everybody")}
          checked={everybody}
          onChange={(event) => setEverybody(event.currentTarget.checked)}
        />
      )}
      <AuditTable {...filter} />
    </>
  );
}
