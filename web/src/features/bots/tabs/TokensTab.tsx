import { ActionIcon, Button, Group, Stack, Table, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconPlus, IconTrash } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Bot, BotToken, BotTokenCreated } from "@/api";
import { Ago, Confirm, CopyField, Dialog, NamedTokenForm, QueryView, SecretOnce } from "@/components";
import { botTokensQuery, useMakeToken, useRevokeToken } from "../queries";
import { curlExample } from "./curlExample";

export function TokensTab({ bot }: { bot: Bot }) {
  const { t } = useTranslation();
  const tokens = useQuery(botTokensQuery(bot.hostname));
  const revoke = useRevokeToken(bot.hostname);
  const [making, { open, close }] = useDisclosure();
  const [revoked, setRevoked] = useState<BotToken | null>(null);
  return (
    <Stack gap="sm">
      <Group justify="space-between" align="flex-start">
        <Text size="sm" c="dimmed" maw="40rem">
          {t("tokens.about")}
        </Text>
        <Button leftSection={<IconPlus size={16} aria-hidden="true" />} onClick={open}>
          {t("tokens.make")}
        </Button>
      </Group>
      <QueryView query={tokens}>
        {(rows) =>
          rows.length === 0 ? (
            <Text className="panel" p="lg" ta="center" size="sm" c="dimmed">
              {t("tokens.none")}
            </Text>
          ) : (
            <div className="panel">
              <Table className="data-table" verticalSpacing="xs" horizontalSpacing="sm">
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>{t("tokens.name")}</Table.Th>
                    <Table.Th>{t("tokens.hint")}</Table.Th>
                    <Table.Th visibleFrom="sm">{t("tokens.created")}</Table.Th>
                    <Table.Th visibleFrom="sm">{t("tokens.expires")}</Table.Th>
                    <Table.Th w={1}>
                      <span className="visually-hidden">{t("table.actions")}</span>
                    </Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {rows.map((token) => (
                    <Table.Tr key={token.id}>
                      <Table.Td>
                        <Text size="sm" fw={600}>
                          {token.name}
                        </Text>
                        <Text size="xs" c="dimmed">
                          {t(`tokens.kind.${token.kind}`)}
                        </Text>
                      </Table.Td>
                      <Table.Td className="mono">{token.hint}</Table.Td>
                      <Table.Td visibleFrom="sm">
                        <Ago at={token.created_at} />
                      </Table.Td>
                      <Table.Td visibleFrom="sm">
                        <Ago at={token.expires_at} never={t("tokens.noExpiry")} />
                      </Table.Td>
                      <Table.Td>
                        {token.kind === "client" && (
                          <ActionIcon
                            variant="subtle"
                            color="red"
                            aria-label={t("tokens.revokeNamed", { name: token.name })}
                            onClick={() => setRevoked(token)}
                          >
                            <IconTrash size={18} />
                          </ActionIcon>
                        )}
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </div>
          )
        }
      </QueryView>
      <Dialog opened={making} onClose={close} title={t("tokens.make")} closeOnClickOutside={false}>
        <MakeToken bot={bot} onDone={close} />
      </Dialog>
      <Confirm
        opened={revoked !== null}
        onClose={() => setRevoked(null)}
        title={t("tokens.revokeNamed", { name: revoked?.name ?? "" })}
        action={t("tokens.revoke")}
        onConfirm={async () => revoked && revoke.mutateAsync(revoked.id)}
      >
        <Text size="sm">{t("tokens.revokeText")}</Text>
      </Confirm>
    </Stack>
  );
}

function MakeToken({ bot, onDone }: { bot: Bot; onDone: () => void }) {
  const { t } = useTranslation();
  const make = useMakeToken(bot.hostname);
  const [made, setMade] = useState<BotTokenCreated | null>(null);
  if (made === null) {
    return (
      <NamedTokenForm
        action={t("tokens.make")}
        onCancel={onDone}
        onSubmit={async (values) => setMade(await make.mutateAsync(values))}
      />
    );
  }
  const [first] = bot.providers;
  return (
    <SecretOnce token={made.token} onDone={onDone}>
      {Object.entries(made.base_urls).map(([vendor, url]) => (
        <CopyField key={vendor} label={t("tokens.baseUrl", { vendor })} text={url} />
      ))}
      {first && made.base_urls[first.vendor] && (
        <CopyField
          block
          label={t("tokens.curl")}
          text={curlExample({
            vendor: first.vendor,
            baseUrl: made.base_urls[first.vendor] ?? "",
            model: first.primary_model ?? first.models[0] ?? "",
            token: made.token,
          })}
        />
      )}
    </SecretOnce>
  );
}
