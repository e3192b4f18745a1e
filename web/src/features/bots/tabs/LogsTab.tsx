import { ActionIcon, Button, Group, NativeSelect, Switch, Text } from "@mantine/core";
import { useDocumentVisibility } from "@mantine/hooks";
import { IconDownload, IconPlayerPause, IconPlayerPlay } from "@tabler/icons-react";
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { useTranslation } from "react-i18next";
import { ErrorAlert, LoadingRows, Pill, type Tone } from "@/components";
import { saveFile } from "@/lib/saveFile";
import { LogText } from "./LogText";
import { type LogState, LogStream } from "./logStream";

const TAILS = [100, 200, 500, 1000, 2000];
const TONES: Record<LogState["connection"], Tone> = {
  connecting: "busy",
  live: "good",
  waiting: "idle",
  ended: "idle",
};

export function LogsTab({ hostname }: { hostname: string }) {
  const { t } = useTranslation();
  const [tail, setTail] = useState(200);
  const [wrap, setWrap] = useState(true);
  const [paused, setPaused] = useState<readonly string[] | null>(null);
  const log = useLog(hostname, tail);
  const lines = paused ?? log.lines;
  const viewport = useStayAtEnd(lines);

  return (
    <>
      <Group justify="space-between" mb="sm" gap="sm">
        <Group gap="sm">
          <Pill tone={paused ? "idle" : TONES[log.connection]}>
            {t(paused ? "logs.paused" : `logs.connection.${log.connection}`)}
          </Pill>
          <NativeSelect
            aria-label={t("logs.tail")}
            data={TAILS.map((count) => ({ value: String(count), label: t("logs.lines", { count }) }))}
            value={String(tail)}
            onChange={(event) => setTail(Number(event.currentTarget.value))}
          />
          <Switch
            label={t("logs.wrap")}
            checked={wrap}
            onChange={(event) => setWrap(event.currentTarget.checked)}
          />
        </Group>
        <Group gap="xs">
          <Button
            variant="default"
            leftSection={
              paused ? (
                <IconPlayerPlay size={16} aria-hidden="true" />
              ) : (
                <IconPlayerPause size={16} aria-hidden="true" />
              )
            }
            onClick={() => setPaused(paused ? null : log.lines)}
          >
            {t(paused ? "logs.resume" : "logs.pause")}
          </Button>
          <ActionIcon
            variant="default"
            size={36}
            aria-label={t("logs.download")}
            title={t("logs.download")}
            disabled={lines.length === 0}
            onClick={() =>
              saveFile(new Blob([lines.join("\n"), "\n"], { type: "text/plain" }), `${hostname}.log`)
            }
          >
            <IconDownload size={16} />
          </ActionIcon>
        </Group>
      </Group>
      {log.error !== null && <ErrorAlert error={log.error} />}
      {log.dropped > 0 && (
        <Text size="xs" c="dimmed" mb="xs" role="status">
          {t("logs.dropped", { count: log.dropped })}
        </Text>
      )}
      {log.connection === "connecting" && lines.length === 0 ? (
        <LoadingRows />
      ) : (
        <LogText lines={lines} wrap={wrap} {...viewport} />
      )}
    </>
  );
}

/** Follows the log while the page is seen: a hidden tab has the server send nothing. */
function useLog(hostname: string, tail: number): LogState {
  const visible = useDocumentVisibility() !== "hidden";
  const stream = useMemo(() => new LogStream(hostname, tail), [hostname, tail]);
  return useSyncExternalStore(visible ? stream.subscribe : notSubscribed, stream.snapshot);
}

const notSubscribed = () => () => undefined;

/** Keeps the newest line in sight, unless the reader has scrolled up to read. */
function useStayAtEnd(lines: readonly string[]) {
  const viewportRef = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  // biome-ignore lint/correctness/useExhaustiveDependencies: new lines are the reason to scroll
  useEffect(() => {
    const box = viewportRef.current;
    if (atEnd.current) box?.scrollTo({ top: box.scrollHeight });
  }, [lines]);
  return {
    viewportRef,
    onScroll: ({ currentTarget: box }: { currentTarget: HTMLDivElement }) => {
      atEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < 24;
    },
  };
}
