import { Alert, Anchor, Group, Stack, Text } from "@mantine/core";
import { IconAlertTriangle, IconPlugConnectedX } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { Bot } from "@/api";
import type { BotTab } from "../tabs/names";
import { isProblem } from "./steps";

const ABOUT_KEYS = new Set(["proof_key", "proof_provider"]);
const IN_THE_LOGS = new Set(["bot_ended", "not_ready", "proof_bot", "proof_proxy"]);

/** What is wrong with a bot, in plain words, and what to do about it. */
export function StatusBanner({ bot }: { bot: Bot }) {
  const { t, i18n } = useTranslation();
  const { status, hostname } = bot;
  const { code, detail } = status;
  if (code === null || !isProblem(code)) return null;
  const lost = code === "runtime_unavailable";
  const known = i18n.exists(`bots.codes.${code}`);
  return (
    <Alert
      color={status.state === "error" && !lost ? "red" : "orange"}
      mb="md"
      p="sm"
      role="alert"
      icon={lost ? <IconPlugConnectedX aria-hidden="true" /> : <IconAlertTriangle aria-hidden="true" />}
      title={known ? t(`bots.codes.${code}`) : t("bots.whatIsWrong")}
    >
      <Stack gap={6}>
        {known && <Text size="sm">{t(`bots.advice.${code}`)}</Text>}
        {detail && (
          <Text
            size={known ? "xs" : "sm"}
            c={known ? "dimmed" : undefined}
            style={{ overflowWrap: "anywhere" }}
          >
            {detail}
          </Text>
        )}
        <Group gap="md">
          {ABOUT_KEYS.has(code) && (
            <Anchor component={Link} to="/provider-keys" size="sm">
              {t("nav.keys")}
            </Anchor>
          )}
          {IN_THE_LOGS.has(code) && <TabLink hostname={hostname} tab="logs" />}
          {!lost && <TabLink hostname={hostname} tab="diagnose" />}
        </Group>
      </Stack>
    </Alert>
  );
}

function TabLink({ hostname, tab }: { hostname: string; tab: BotTab }) {
  const { t } = useTranslation();
  return (
    <Anchor
      size="sm"
      renderRoot={(props) => <Link to="/bots/$hostname" params={{ hostname }} search={{ tab }} {...props} />}
    >
      {t(`bots.tabs.${tab}`)}
    </Anchor>
  );
}
