import { Alert, Anchor, Group, Stack, Tabs, Text, Title } from "@mantine/core";
import { IconArrowBigUpLine, IconArrowLeft, IconRestore, IconRobotOff } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { type ReactNode, useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { asApiError, type Bot } from "@/api";
import { EmptyState, QueryView, SimulatedBadge, usePageTitle } from "@/components";
import { UsageTable } from "@/features/usage";
import { BotActions } from "./BotActions";
import { IsolationWarning } from "./IsolationWarning";
import { botQuery } from "./queries";
import { PendingRestart } from "./status/PendingRestart";
import { StartProgress } from "./status/StartProgress";
import { StatePill } from "./status/StatePill";
import { StatusBanner } from "./status/StatusBanner";
import { isOnItsWay } from "./status/steps";
import { BackupsTab } from "./tabs/BackupsTab";
import { ChatTab } from "./tabs/ChatTab";
import { DiagnoseTab } from "./tabs/DiagnoseTab";
import { HistoryTab } from "./tabs/HistoryTab";
import { LogsTab } from "./tabs/LogsTab";
import { BOT_TABS, type BotTab } from "./tabs/names";
import { OverviewTab } from "./tabs/OverviewTab";
import { SettingsTab } from "./tabs/SettingsTab";
import { TokensTab } from "./tabs/TokensTab";

export function BotPage() {
  const { t } = useTranslation();
  const { hostname } = useParams({ from: "/shell/bots/$hostname" });
  const navigate = useNavigate();
  const query = useQuery(botQuery(hostname));
  const gone = query.error !== null && asApiError(query.error).status === 404;
  const wasDeleted = useRef(false);
  if (query.data) wasDeleted.current = query.data.status.desired === "deleted";
  usePageTitle(query.data?.name ?? hostname);

  useEffect(() => {
    if (gone && wasDeleted.current) void navigate({ to: "/bots", replace: true });
  }, [gone, navigate]);

  return (
    <>
      <Anchor
        component={Link}
        to="/bots"
        size="sm"
        mb="xs"
        display="inline-flex"
        style={{ alignItems: "center", gap: 4 }}
      >
        <IconArrowLeft size={14} aria-hidden="true" />
        {t("nav.bots")}
      </Anchor>
      {gone ? (
        <EmptyState wholePage icon={<IconRobotOff />} title={t("bots.gone", { hostname })} />
      ) : (
        <QueryView query={query}>{(bot) => <BotView bot={bot} />}</QueryView>
      )}
    </>
  );
}

function BotView({ bot }: { bot: Bot }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { tab = "overview" } = useSearch({ from: "/shell/bots/$hostname" });
  const tabs = useRef<HTMLDivElement>(null);
  const { status } = bot;

  // On a narrow screen the row of tabs scrolls, and a link may lead to one that is out of sight.
  // biome-ignore lint/correctness/useExhaustiveDependencies: another tab is the reason to scroll
  useEffect(() => {
    tabs.current
      ?.querySelector("[aria-selected=true]")
      ?.scrollIntoView?.({ inline: "nearest", block: "nearest" });
  }, [tab]);

  return (
    <>
      <Group justify="space-between" align="flex-start" mb="md" gap="md">
        <Group gap="md" wrap="nowrap" align="flex-start" miw={0} style={{ flex: "1 1 18rem" }}>
          <Text span fz={36} lh={1.2} aria-hidden="true">
            {bot.emoji ?? "🤖"}
          </Text>
          <Stack gap={4} miw={0}>
            <Title order={1} style={{ overflowWrap: "anywhere" }}>
              {bot.name}
            </Title>
            <Group gap={8}>
              <StatePill status={status} />
              {bot.is_simulated && <SimulatedBadge />}
              <Text span size="sm" c="dimmed" className="mono">
                {bot.hostname}
              </Text>
            </Group>
          </Stack>
        </Group>
        <BotActions bot={bot} />
      </Group>
      <StatusBanner bot={bot} />
      {isOnItsWay(bot) && <StartProgress bot={bot} />}
      {bot.is_upgrading && (
        <Alert color="blue" mb="md" p="sm" role="status" icon={<IconArrowBigUpLine aria-hidden="true" />}>
          {t("upgrade.underWay")}
        </Alert>
      )}
      {bot.is_restoring && (
        <Alert color="blue" mb="md" p="sm" role="status" icon={<IconRestore aria-hidden="true" />}>
          {t("backups.underWay")}
        </Alert>
      )}
      <PendingRestart bot={bot} />
      <IsolationWarning warning={bot.isolation_warning} />
      <Tabs
        value={tab}
        keepMounted={false}
        onChange={(next) =>
          navigate({
            to: "/bots/$hostname",
            params: { hostname: bot.hostname },
            search: { tab: BOT_TABS.find((item) => item === next) },
            replace: true,
          })
        }
      >
        <Tabs.List ref={tabs} mb="md" style={{ flexWrap: "nowrap", overflowX: "auto", overflowY: "hidden" }}>
          {BOT_TABS.map((name) => (
            <Tabs.Tab key={name} value={name} px="clamp(0.5rem, 2.6vw, 1rem)">
              {t(`bots.tabs.${name}`)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value={tab}>
          <TabContent tab={tab} bot={bot} />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}

function TabContent({ tab, bot }: { tab: BotTab; bot: Bot }): ReactNode {
  const { hostname } = bot;
  switch (tab) {
    case "overview":
      return <OverviewTab bot={bot} />;
    case "chat":
      return <ChatTab bot={bot} />;
    case "settings":
      return <SettingsTab bot={bot} />;
    case "logs":
      return <LogsTab hostname={hostname} />;
    case "history":
      return <HistoryTab hostname={hostname} />;
    case "diagnose":
      return <DiagnoseTab hostname={hostname} />;
    case "backups":
      return <BackupsTab bot={bot} />;
    case "tokens":
      return <TokensTab bot={bot} />;
    case "usage":
      return <UsageTable hostname={hostname} />;
  }
}
