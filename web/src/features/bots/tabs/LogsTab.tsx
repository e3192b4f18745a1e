import { Button, Group, NativeSelect, ScrollArea, Switch } from "@mantine/core";
import { IconRefresh, IconTerminal } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { EmptyState, ErrorAlert, QueryView } from "@/components";
import classes from "./LogsTab.module.css";
import { botLogsQuery } from "./queries";

const TAILS = ["100", "200", "500", "1000"];

export function LogsTab({ hostname }: { hostname: string }) {
  const { t } = useTranslation();
  const [tail, setTail] = useState("200");
  const [follow, setFollow] = useState(true);
  const logs = useQuery({ ...botLogsQuery(hostname, Number(tail)), refetchInterval: follow ? 2_000 : false });
  const viewport = useRef<HTMLDivElement>(null);
  const lines = logs.data?.lines;

  // biome-ignore lint/correctness/useExhaustiveDependencies: new lines are the reason to scroll
  useEffect(() => {
    if (follow) viewport.current?.scrollTo({ top: viewport.current.scrollHeight });
  }, [follow, lines]);

  return (
    <>
      <Group justify="space-between" mb="sm">
        <Group>
          <NativeSelect
            aria-label={t("logs.tail")}
            data={TAILS.map((value) => ({ value, label: t("logs.lines", { count: Number(value) }) }))}
            value={tail}
            onChange={(event) => setTail(event.currentTarget.value)}
          />
          <Switch
            label={t("logs.follow")}
            checked={follow}
            onChange={(event) => setFollow(event.currentTarget.checked)}
          />
        </Group>
        <Button
          variant="default"
          leftSection={<IconRefresh size={16} aria-hidden="true" />}
          loading={logs.isFetching && !follow}
          onClick={() => logs.refetch()}
        >
          {t("action.refresh")}
        </Button>
      </Group>
      {logs.error && logs.data && <ErrorAlert error={logs.error} />}
      <QueryView query={logs}>
        {(data) =>
          data.lines.length === 0 ? (
            <EmptyState icon={<IconTerminal />} title={t("logs.empty")} />
          ) : (
            <ScrollArea.Autosize
              mah="60vh"
              className={classes.log}
              viewportRef={viewport}
              viewportProps={{
                tabIndex: 0,
                role: "log",
                "aria-label": t("bots.tabs.logs"),
                "aria-live": "off",
              }}
            >
              <pre className={classes.lines}>{data.lines.join("\n")}</pre>
            </ScrollArea.Autosize>
          )
        }
      </QueryView>
    </>
  );
}
