import { Alert, Anchor, Group, Stack, Tabs, Text, Title } from "@mantine/core";
import { IconArrowLeft, IconRobotOff } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";
import { asApiError, type Bot } from "@/api";
import { EmptyState, QueryView, SimulatedBadge, usePageTitle } from "@/components";
import { UsageTable } from "@/features/usage";
import { BotActions } from "./BotActions";
import { ChatTab } from "./ChatTab";
import { IsolationWarning } from "./IsolationWarning";
import { LogsTab } from "./LogsTab";
import { OverviewTab } from "./OverviewTab";
import { botQuery } from "./queries";
import { StatePill } from "./StatePill";
import { TokensTab } from "./TokensTab";

const TABS = ["overview", "chat", "logs", "tokens", "usage"] as const;

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
  const { status } = bot;
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
      {status.detail && (
        <Alert
          color={status.state === "error" ? "red" : "orange"}
          mb="md"
          p="sm"
          title={t(`bots.codes.${status.code}`, { defaultValue: t("bots.whatIsWrong") })}
        >
          {status.detail}
        </Alert>
      )}
      <IsolationWarning warning={bot.isolation_warning} />
      <Tabs
        value={tab}
        keepMounted={false}
        onChange={(next) =>
          navigate({
            to: "/bots/$hostname",
            params: { hostname: bot.hostname },
            search: { tab: TABS.find((item) => item === next) },
            replace: true,
          })
        }
      >
        <Tabs.List mb="md" style={{ flexWrap: "nowrap", overflowX: "auto", overflowY: "hidden" }}>
          {TABS.map((name) => (
            <Tabs.Tab key={name} value={name} px="clamp(0.5rem, 2.6vw, 1rem)">
              {t(`bots.tabs.${name}`)}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="overview">
          <OverviewTab bot={bot} />
        </Tabs.Panel>
        <Tabs.Panel value="chat">
          <ChatTab bot={bot} />
        </Tabs.Panel>
        <Tabs.Panel value="logs">
          <LogsTab hostname={bot.hostname} />
        </Tabs.Panel>
        <Tabs.Panel value="tokens">
          <TokensTab bot={bot} />
        </Tabs.Panel>
        <Tabs.Panel value="usage">
          <UsageTable hostname={bot.hostname} />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}
