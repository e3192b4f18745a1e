import { Code, Group, SimpleGrid, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Bot } from "@/api";
import { Ago } from "@/components";
import { useVendorName } from "@/features/keys";
import { NOTHING } from "@/lib/format";
import { hasImages } from "../status/steps";
import { StatsTiles } from "./StatsTiles";

export function OverviewTab({ bot }: { bot: Bot }) {
  const { t } = useTranslation();
  const vendorName = useVendorName();
  const { features } = bot;
  const abilities = (["commands", "tts", "sandbox"] as const).filter((name) => features[name]);
  return (
    <Stack gap="md">
      {bot.status.state === "running" && <StatsTiles bot={bot} />}
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="md">
        <Stack gap="md">
          <Panel title={t("overview.providers")}>
            {bot.providers.map((provider) => (
              <Fact key={provider.vendor} label={vendorName(provider.vendor)}>
                {provider.models.map((model) => (
                  <Text key={model} size="sm" className="mono">
                    {model}
                    {model === provider.primary_model &&
                      provider.models.length > 1 &&
                      ` (${t("overview.primary")})`}
                  </Text>
                ))}
                <Text size="xs" c="dimmed">
                  {provider.key_id ? t("overview.pinnedKey") : t("bots.pool")}
                </Text>
              </Fact>
            ))}
          </Panel>
          <Panel title={`${t("overview.persona")}: ${bot.persona.name}`}>
            {bot.persona.soul_markdown ? (
              <Code block tabIndex={0} style={{ whiteSpace: "pre-wrap", maxHeight: 320 }}>
                {bot.persona.soul_markdown}
              </Code>
            ) : (
              <Text size="sm" c="dimmed">
                {t("overview.noSoul")}
              </Text>
            )}
          </Panel>
        </Stack>
        <Panel title={t("overview.about")}>
          <Fact label={t("overview.health")}>{t(`bots.health.${bot.status.health}`)}</Fact>
          <Fact label={t("overview.observed")}>
            <Ago at={bot.status.observed_at} />
          </Fact>
          <Fact label={t("overview.proved")}>
            <Ago at={bot.proved_at} never={t("overview.notProved")} />
          </Fact>
          <Fact label={t("agents.title")}>{t(`agents.name.${bot.agent}`)}</Fact>
          {bot.image && hasImages(bot) && (
            <Fact label={t("overview.image")}>
              <Text span size="xs" className="mono" style={{ overflowWrap: "anywhere" }}>
                {bot.image}
              </Text>
            </Fact>
          )}
          <Fact label={t("overview.limits")}>{limitsText(t, bot)}</Fact>
          <Fact label={t("limits.egress")}>{bot.egress.join(", ") || t("overview.noEgress")}</Fact>
          <Fact label={t("overview.runtime")}>
            {bot.runtime}
            {bot.port !== null && ` · ${t("overview.port", { port: bot.port })}`}
          </Fact>
          <Fact label={t("overview.features")}>
            {abilities.map((name) => t(`features.${name}`)).join(", ") || NOTHING}
          </Fact>
          <Fact label={t("features.sessionScope")}>{t(`features.scope.${features.session_scope}`)}</Fact>
          <Fact label={t("bots.tags")}>{bot.tags.join(", ") || NOTHING}</Fact>
          <Fact label={t("bots.created")}>
            <Ago at={bot.created_at} />
          </Fact>
        </Panel>
      </SimpleGrid>
    </Stack>
  );
}

function limitsText(t: ReturnType<typeof useTranslation>["t"], { limits }: Bot): string {
  const { memory_mb, cpus, processes } = limits;
  const parts = [
    memory_mb && `${memory_mb} MB`,
    cpus && t("overview.cpus", { cpus }),
    processes && t("overview.processes", { processes }),
  ].filter(Boolean);
  return parts.join(" · ") || t("limits.default");
}

function Panel({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Stack component="section" className="panel" p="md" gap="sm">
      <Title order={2} fz="sm">
        {title}
      </Title>
      {children}
    </Stack>
  );
}

function Fact({ label, children }: { label: string; children: ReactNode }) {
  return (
    <Group align="flex-start" gap="md" wrap="nowrap">
      <Text size="sm" c="dimmed" w={120} style={{ flex: "none" }}>
        {label}
      </Text>
      <Text size="sm" component="div" miw={0} style={{ overflowWrap: "anywhere" }}>
        {children}
      </Text>
    </Group>
  );
}
