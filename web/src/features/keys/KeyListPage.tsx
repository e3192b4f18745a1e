import { Button, Stack, Table } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconFlask, IconKey, IconPlus } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { systemQuery } from "@/api";
import { EmptyState, LoadMore, PageHeader, QueryView } from "@/components";
import { notify, notifyError } from "@/lib/notify";
import { KeyFormDialog } from "./KeyFormDialog";
import { KeyRow } from "./KeyRow";
import { KeysAttention } from "./KeysAttention";
import { keysQuery, useAddSimulatedKey } from "./queries";

export function KeyListPage() {
  const { t } = useTranslation();
  const [adding, { open, close }] = useDisclosure();
  const keys = useInfiniteQuery({ ...keysQuery, refetchInterval: 15_000 });
  const system = useQuery(systemQuery);
  const simulated = useAddSimulatedKey();
  const items = keys.data?.pages.flatMap((page) => page.items);
  const offerSimulated = system.data?.simulator_enabled && items && !items.some((key) => key.is_simulated);

  async function addSimulated() {
    if (!system.data) return;
    try {
      await simulated.addFor(system.data);
      notify({ message: t("keys.simulatedAdded") });
    } catch (error) {
      notifyError(error);
    }
  }

  const actions = (
    <>
      {offerSimulated && (
        <Button
          variant="default"
          leftSection={<IconFlask size={16} aria-hidden="true" />}
          loading={simulated.isPending}
          onClick={addSimulated}
        >
          {t("keys.addSimulated")}
        </Button>
      )}
      <Button leftSection={<IconPlus size={16} aria-hidden="true" />} onClick={open}>
        {t("keys.add")}
      </Button>
    </>
  );

  return (
    <>
      <PageHeader
        title={t("nav.keys")}
        description={t("keys.about")}
        actions={items?.length ? actions : null}
      />
      <KeysAttention />
      <QueryView query={{ ...keys, data: items }}>
        {(rows) =>
          rows.length === 0 ? (
            <EmptyState icon={<IconKey />} title={t("keys.emptyTitle")} action={actions}>
              {t("keys.emptyText")}
            </EmptyState>
          ) : (
            <Stack gap={0}>
              <div className="panel">
                <Table className="data-table" verticalSpacing="sm" horizontalSpacing="sm">
                  <Table.Thead>
                    <Table.Tr>
                      <Table.Th>{t("keys.key")}</Table.Th>
                      <Table.Th>{t("keys.state")}</Table.Th>
                      <Table.Th visibleFrom="md">{t("keys.tag")}</Table.Th>
                      <Table.Th visibleFrom="sm">{t("keys.usedBy")}</Table.Th>
                      <Table.Th visibleFrom="md">{t("keys.lastUsed")}</Table.Th>
                      <Table.Th w={1}>
                        <span className="visually-hidden">{t("table.actions")}</span>
                      </Table.Th>
                    </Table.Tr>
                  </Table.Thead>
                  <Table.Tbody>
                    {rows.map((key) => (
                      <KeyRow key={key.id} item={key} />
                    ))}
                  </Table.Tbody>
                </Table>
              </div>
              <LoadMore query={keys} shown={rows.length} />
            </Stack>
          )
        }
      </QueryView>
      <KeyFormDialog opened={adding} onClose={close} />
    </>
  );
}
