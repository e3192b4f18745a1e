import { Group, Loader, Stack, Text, ThemeIcon } from "@mantine/core";
import { IconCheck, IconPoint, IconX } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import type { Bot } from "@/api";
import { Ago } from "@/components";
import { isProblem, type StepState, startSteps } from "./steps";

const COLORS: Record<StepState, string> = { done: "green", now: "blue", failed: "red", waiting: "gray" };

/** The way to the first answer, step by step. */
export function StartProgress({ bot }: { bot: Bot }) {
  const { t } = useTranslation();
  const { code, detail } = bot.status;
  return (
    <Stack component="section" className="panel" p="md" gap="sm" mb="md" aria-label={t("start.title")}>
      <Group justify="space-between" gap="xs">
        <Text fw={600} size="sm" role="status">
          {statusLine(t, bot)}
        </Text>
        {bot.started_at && (
          <Text size="xs" c="dimmed">
            {t("start.since")} <Ago at={bot.started_at} />
          </Text>
        )}
      </Group>
      <Group component="ol" gap="lg" m={0} p={0} style={{ listStyle: "none" }}>
        {startSteps(bot).map(({ name, state }) => (
          <Group
            key={name}
            component="li"
            gap={8}
            wrap="nowrap"
            aria-current={state === "now" ? "step" : undefined}
          >
            <StepIcon state={state} />
            <Text size="sm" c={state === "waiting" ? "dimmed" : undefined}>
              {t(`start.step.${name}`)}
              <span className="visually-hidden">: {t(`start.state.${state}`)}</span>
            </Text>
          </Group>
        ))}
      </Group>
      {detail && code === "image_pull" && (
        <Text size="xs" c="dimmed" className="mono" style={{ overflowWrap: "anywhere" }}>
          {detail}
        </Text>
      )}
    </Stack>
  );
}

function statusLine(t: ReturnType<typeof useTranslation>["t"], { status }: Bot): string {
  if (isProblem(status.code)) return t("start.again");
  if (status.code !== null) return t(`start.code.${status.code}`, { defaultValue: status.detail ?? "" });
  return t(status.state === "starting" ? "start.code.starting" : "start.code.created");
}

function StepIcon({ state }: { state: StepState }) {
  if (state === "now") return <Loader size={18} aria-hidden="true" />;
  const Icon = state === "done" ? IconCheck : state === "failed" ? IconX : IconPoint;
  return (
    <ThemeIcon size={20} radius="xl" variant="light" color={COLORS[state]} aria-hidden="true">
      <Icon size={13} />
    </ThemeIcon>
  );
}
