import { Alert, Button, Group, Stack, Table, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconEraser } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Confirm, ErrorAlert, QueryView } from "@/components";
import { orphansQuery, useCleanup } from "./queries";

export function Orphans() {
  const { t } = useTranslation();
  const orphans = useQuery(orphansQuery);
  const cleanup = useCleanup();
  const [confirming, { open, close }] = useDisclosure();
  const done = cleanup.data;
  return (
    <Stack gap="sm">
      <Text size="sm" c="dimmed" maw="44rem">
        {t("orphans.about")}
      </Text>
      <QueryView query={orphans}>
        {(rows) =>
          rows.length === 0 ? (
            <Text size="sm">{t("orphans.none")}</Text>
          ) : (
            <>
              <Table className="data-table">
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>{t("orphans.what")}</Table.Th>
                    <Table.Th>{t("orphans.detail")}</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {rows.map((orphan) => (
                    <Table.Tr key={`${orphan.kind}/${orphan.id}`}>
                      <Table.Td>
                        {t(`orphans.kind.${orphan.kind}`)}
                        <Text size="xs" c="dimmed" className="mono" style={{ overflowWrap: "anywhere" }}>
                          {orphan.hostname ?? orphan.id}
                        </Text>
                      </Table.Td>
                      <Table.Td>{orphan.detail}</Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
              <Group>
                <Button variant="default" loading={cleanup.isPending} onClick={() => cleanup.mutate(true)}>
                  {t("orphans.dryRun")}
                </Button>
                <Button
                  variant="default"
                  c="var(--mantine-color-error)"
                  leftSection={<IconEraser size={16} aria-hidden="true" />}
                  onClick={open}
                >
                  {t("orphans.cleanup")}
                </Button>
              </Group>
            </>
          )
        }
      </QueryView>
      {cleanup.error && <ErrorAlert error={cleanup.error} />}
      {done && (
        <Alert color={done.failed?.length ? "orange" : "green"} role="status">
          {t(done.dry_run ? "orphans.wouldRemove" : "orphans.removed", { count: done.removed.length })}
          {done.removed.length > 0 && `: ${done.removed.map((item) => item.hostname ?? item.id).join(", ")}`}
          {done.failed?.length ? ` ${t("orphans.failed", { count: done.failed.length })}` : ""}
        </Alert>
      )}
      <Confirm
        opened={confirming}
        onClose={close}
        title={t("orphans.cleanup")}
        action={t("orphans.cleanup")}
        onConfirm={() => cleanup.mutateAsync(false)}
      >
        <Text size="sm">{t("orphans.confirm")}</Text>
      </Confirm>
    </Stack>
  );
}
