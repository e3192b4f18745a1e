import { Button, Group, Stack, Text, ThemeIcon, Title } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconCheck, IconFlask, IconKey, IconPlus } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { systemQuery } from "@/api";
import { KeyFormDialog, keysQuery, useAddSimulatedKey } from "@/features/keys";
import { notifyError } from "@/lib/notify";

/** What a newcomer sees instead of an empty list: the two steps to a bot that answers. */
export function FirstSteps() {
  const { t } = useTranslation();
  const keys = useInfiniteQuery(keysQuery);
  const system = useQuery(systemQuery);
  const simulated = useAddSimulatedKey();
  const [adding, { open, close }] = useDisclosure();
  const first = keys.data?.pages[0]?.items[0];

  async function addSimulated() {
    if (!system.data) return;
    try {
      await simulated.addFor(system.data);
    } catch (error) {
      notifyError(error);
    }
  }

  return (
    <Stack className="panel" p={{ base: "md", sm: "xl" }} gap="xl" maw={720} mx="auto" mt="md">
      <div>
        <Title order={2}>{t("firstSteps.title")}</Title>
        <Text c="dimmed" size="sm" mt={4}>
          {t("firstSteps.text")}
        </Text>
      </div>
      <Step number={1} done={first !== undefined} title={t("firstSteps.key.title")}>
        <Text size="sm" c="dimmed">
          {first ? t("firstSteps.key.done", { label: first.label }) : t("firstSteps.key.text")}
        </Text>
        {!first && (
          <Group gap="xs" mt="sm">
            <Button leftSection={<IconKey size={16} aria-hidden="true" />} onClick={open}>
              {t("keys.add")}
            </Button>
            {system.data?.simulator_enabled && (
              <Button
                variant="default"
                leftSection={<IconFlask size={16} aria-hidden="true" />}
                loading={simulated.isPending}
                onClick={addSimulated}
              >
                {t("firstSteps.key.simulated")}
              </Button>
            )}
          </Group>
        )}
      </Step>
      <Step number={2} done={false} title={t("firstSteps.bot.title")}>
        <Text size="sm" c="dimmed">
          {t("firstSteps.bot.text")}
        </Text>
        <Group mt="sm">
          <Button
            component={Link}
            to="/bots/new"
            variant={first ? "filled" : "default"}
            leftSection={<IconPlus size={16} aria-hidden="true" />}
          >
            {t("bots.create")}
          </Button>
        </Group>
      </Step>
      <KeyFormDialog opened={adding} onClose={close} />
    </Stack>
  );
}

function Step(props: { number: number; done: boolean; title: string; children: ReactNode }) {
  const { t } = useTranslation();
  return (
    <Group align="flex-start" wrap="nowrap">
      <ThemeIcon
        radius="xl"
        size={32}
        variant={props.done ? "filled" : "light"}
        role={props.done ? "img" : undefined}
        aria-label={props.done ? t("firstSteps.done") : undefined}
      >
        {props.done ? (
          <IconCheck size={18} />
        ) : (
          <Text span fw={700}>
            {props.number}
          </Text>
        )}
      </ThemeIcon>
      <div>
        <Title order={3} mt={4}>
          {props.title}
        </Title>
        {props.children}
      </div>
    </Group>
  );
}
