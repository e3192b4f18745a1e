import { ActionIcon, Button, Table, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconCode, IconPlus, IconTrash } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { ApiToken } from "@/api";
import {
  Ago,
  Confirm,
  CopyField,
  Dialog,
  EmptyState,
  NamedTokenForm,
  PageHeader,
  QueryView,
  SecretOnce,
} from "@/components";
import { apiTokensQuery, useMakeApiToken, useRevokeApiToken } from "./queries";

export function ApiTokensPage() {
  const { t } = useTranslation();
  const tokens = useQuery(apiTokensQuery);
  const revoke = useRevokeApiToken();
  const [making, { open, close }] = useDisclosure();
  const [revoked, setRevoked] = useState<ApiToken | null>(null);
  const make = (
    <Button leftSection={<IconPlus size={16} aria-hidden="true" />} onClick={open}>
      {t("apiTokens.make")}
    </Button>
  );
  return (
    <>
      <PageHeader
        title={t("nav.apiTokens")}
        description={t("apiTokens.about")}
        actions={tokens.data?.length ? make : null}
      />
      <QueryView query={tokens}>
        {(rows) =>
          rows.length === 0 ? (
            <EmptyState icon={<IconCode />} title={t("apiTokens.emptyTitle")} action={make}>
              {t("apiTokens.emptyText")}
            </EmptyState>
          ) : (
            <div className="panel">
              <Table className="data-table" verticalSpacing="xs" horizontalSpacing="sm">
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>{t("tokens.name")}</Table.Th>
                    <Table.Th>{t("tokens.hint")}</Table.Th>
                    <Table.Th visibleFrom="md">{t("tokens.created")}</Table.Th>
                    <Table.Th visibleFrom="sm">{t("tokens.lastUsed")}</Table.Th>
                    <Table.Th visibleFrom="xs">{t("tokens.expires")}</Table.Th>
                    <Table.Th w={1}>
                      <span className="visually-hidden">{t("table.actions")}</span>
                    </Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {rows.map((token) => (
                    <Table.Tr key={token.id}>
                      <Table.Td fw={600}>{token.name}</Table.Td>
                      <Table.Td className="mono">{token.hint}</Table.Td>
                      <Table.Td visibleFrom="md">
                        <Ago at={token.created_at} />
                      </Table.Td>
                      <Table.Td visibleFrom="sm">
                        <Ago at={token.last_used_at} never={t("keys.never")} />
                      </Table.Td>
                      <Table.Td visibleFrom="xs">
                        <Ago at={token.expires_at} never={t("tokens.noExpiry")} />
                      </Table.Td>
                      <Table.Td>
                        <ActionIcon
                          variant="subtle"
                          color="red"
                          aria-label={t("tokens.revokeNamed", { name: token.name })}
                          onClick={() => setRevoked(token)}
                        >
                          <IconTrash size={18} />
                        </ActionIcon>
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </div>
          )
        }
      </QueryView>
      <Dialog opened={making} onClose={close} title={t("apiTokens.make")} closeOnClickOutside={false}>
        <MakeToken onDone={close} />
      </Dialog>
      <Confirm
        opened={revoked !== null}
        onClose={() => setRevoked(null)}
        title={t("tokens.revokeNamed", { name: revoked?.name ?? "" })}
        action={t("tokens.revoke")}
        onConfirm={async () => revoked && revoke.mutateAsync(revoked.id)}
      >
        <Text size="sm">{t("apiTokens.revokeText")}</Text>
      </Confirm>
    </>
  );
}

function MakeToken({ onDone }: { onDone: () => void }) {
  const { t } = useTranslation();
  const make = useMakeApiToken();
  const [token, setToken] = useState<string | null>(null);
  if (token === null) {
    return (
      <NamedTokenForm
        action={t("apiTokens.make")}
        onCancel={onDone}
        onSubmit={async (values) => setToken((await make.mutateAsync(values)).token)}
      />
    );
  }
  return (
    <SecretOnce token={token} onDone={onDone}>
      <CopyField
        block
        label={t("tokens.curl")}
        text={`curl ${location.origin}/api/bot \\\n  -H 'Authorization: Bearer ${token}'`}
      />
    </SecretOnce>
  );
}
