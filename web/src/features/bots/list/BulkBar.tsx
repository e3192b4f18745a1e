import { Button, Group, Progress as ProgressBar, Stack, Text } from "@mantine/core";
import { IconPlayerPlay, IconPlayerStop, IconX } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Confirm, ErrorAlert } from "@/components";
import { errorText } from "@/lib/errors";
import { type Progress, useBulkCommand } from "./queries";

type Verb = "start" | "stop";
type Props = { chosen: ReadonlySet<string>; onClear: () => void };

/** Starts or stops all bots that are chosen, and tells how far it is and which failed. */
export function BulkBar({ chosen, onClear }: Props) {
  const { t } = useTranslation();
  const [progress, setProgress] = useState<Progress | null>(null);
  const [confirming, setConfirming] = useState(false);
  const bulk = useBulkCommand(setProgress);
  if (chosen.size === 0 && progress === null) return null;

  const run = (command: Verb) => bulk.mutate({ command, hostnames: [...chosen] });
  function clear() {
    setProgress(null);
    onClear();
  }

  return (
    <Stack className="panel" p="sm" gap="xs" mb="sm" component="section" aria-label={t("bulk.title")}>
      <Group justify="space-between" gap="sm">
        <Text size="sm" fw={600} role="status">
          {progress
            ? t("bulk.progress", { done: progress.done, total: progress.total })
            : t("bulk.chosen", { count: chosen.size })}
        </Text>
        <Group gap="xs">
          <Button
            size="xs"
            leftSection={<IconPlayerPlay size={14} aria-hidden="true" />}
            loading={bulk.isPending && bulk.variables.command === "start"}
            disabled={bulk.isPending || chosen.size === 0}
            onClick={() => run("start")}
          >
            {t("bulk.start")}
          </Button>
          <Button
            size="xs"
            variant="default"
            leftSection={<IconPlayerStop size={14} aria-hidden="true" />}
            loading={bulk.isPending && bulk.variables.command === "stop"}
            disabled={bulk.isPending || chosen.size === 0}
            onClick={() => setConfirming(true)}
          >
            {t("bulk.stop")}
          </Button>
          <Button
            size="xs"
            variant="subtle"
            leftSection={<IconX size={14} aria-hidden="true" />}
            disabled={bulk.isPending}
            onClick={clear}
          >
            {t("bulk.clear")}
          </Button>
        </Group>
      </Group>
      {progress && (
        <ProgressBar
          value={(progress.done / Math.max(progress.total, 1)) * 100}
          color={progress.failed.length > 0 ? "orange" : undefined}
          aria-label={t("bulk.title")}
        />
      )}
      {progress && progress.failed.length > 0 && <Failures failed={progress.failed} />}
      <Confirm
        opened={confirming}
        onClose={() => setConfirming(false)}
        title={t("bulk.stopTitle", { count: chosen.size })}
        action={t("bulk.stop")}
        onConfirm={async () => run("stop")}
      >
        <Text size="sm">{t("bulk.stopText")}</Text>
      </Confirm>
    </Stack>
  );
}

function Failures({ failed }: Pick<Progress, "failed">) {
  const { t } = useTranslation();
  const [first] = failed;
  if (first === undefined) return null;
  return (
    <>
      <ErrorAlert error={first.error} title={t("bulk.failed", { count: failed.length })} />
      <Text size="xs" c="dimmed" className="mono" lineClamp={3}>
        {failed.map(({ hostname, error }) => `${hostname}: ${errorText(error)}`).join(" · ")}
      </Text>
    </>
  );
}
