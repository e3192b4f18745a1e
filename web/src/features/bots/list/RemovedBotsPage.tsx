import { Anchor, Button, Table, Text } from "@mantine/core";
import { IconArchive, IconArrowLeft, IconTerminal } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { RemovedBot } from "@/api";
import { Ago, Dialog, EmptyState, LoadMore, PageHeader, QueryView } from "@/components";
import { LogText } from "../tabs/LogText";
import { keptLogsQuery, removedBotsQuery } from "./queries";

/** Bots that are gone, and what they wrote last, for as long as that is kept. */
export function RemovedBotsPage() {
  const { t } = useTranslation();
  const removed = useInfiniteQuery(removedBotsQuery);
  const [shown, setShown] = useState<RemovedBot | null>(null);
  const items = removed.data?.pages.flatMap((page) => page.items);
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
      <PageHeader title={t("removed.title")} description={t("removed.about")} />
      <QueryView query={{ ...removed, data: items }}>
        {(rows) =>
          rows.length === 0 ? (
            <EmptyState icon={<IconArchive />} title={t("removed.none")} />
          ) : (
            <>
              <div className="panel">
                <Table className="data-table" horizontalSpacing="md">
                  <Table.Thead>
                    <Table.Tr>
                      <Table.Th>{t("bots.bot")}</Table.Th>
                      <Table.Th>{t("removed.at")}</Table.Th>
                      <Table.Th w={1}>{t("bots.tabs.logs")}</Table.Th>
                    </Table.Tr>
                  </Table.Thead>
                  <Table.Tbody>
                    {rows.map((bot) => (
                      <RemovedRow key={bot.id} bot={bot} onShow={() => setShown(bot)} />
                    ))}
                  </Table.Tbody>
                </Table>
              </div>
              <LoadMore query={removed} shown={rows.length} />
            </>
          )
        }
      </QueryView>
      <Dialog
        opened={shown !== null}
        onClose={() => setShown(null)}
        size="xl"
        title={t("removed.logsOf", { name: shown?.name ?? "" })}
      >
        {shown && <KeptLogs id={shown.id} />}
      </Dialog>
    </>
  );
}

function RemovedRow({ bot, onShow }: { bot: RemovedBot; onShow: () => void }) {
  const { t } = useTranslation();
  return (
    <Table.Tr>
      <Table.Td>
        <Text size="sm" fw={600}>
          {bot.name}
        </Text>
        <Text size="xs" c="dimmed" className="mono">
          {bot.hostname}
        </Text>
      </Table.Td>
      <Table.Td>
        <Ago at={bot.deleted_at} />
      </Table.Td>
      <Table.Td>
        {bot.has_logs ? (
          <Button
            size="xs"
            variant="default"
            leftSection={<IconTerminal size={14} aria-hidden="true" />}
            aria-label={t("removed.logsOf", { name: bot.name })}
            onClick={onShow}
          >
            {t("removed.show")}
          </Button>
        ) : (
          <Text size="xs" c="dimmed" style={{ whiteSpace: "nowrap" }}>
            {t("removed.noLogs")}
          </Text>
        )}
      </Table.Td>
    </Table.Tr>
  );
}

function KeptLogs({ id }: { id: string }) {
  return (
    <QueryView query={useQuery(keptLogsQuery(id))}>{({ lines }) => <LogText lines={lines} />}</QueryView>
  );
}
