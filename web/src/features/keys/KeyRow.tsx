import { ActionIcon, Anchor, Group, List, Menu, Stack, Table, Text } from "@mantine/core";
import { IconDots, IconEdit, IconPower, IconShieldCheck, IconTrash } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { ProviderKey } from "@/api";
import { Ago, Confirm, SimulatedBadge } from "@/components";
import { notify, notifyError } from "@/lib/notify";
import { KeyFormDialog } from "./KeyFormDialog";
import { KeyStatus } from "./KeyStatus";
import { useChangeKey, useDeleteKey, useVerifyKey } from "./queries";
import { useVendorName } from "./vendors";

const RESULT_COLORS = { ok: "green", empty: "orange", bad_key: "red", unknown: "orange" } as const;
const SHOWN_BOTS = 3;

export function KeyRow({ item }: { item: ProviderKey }) {
  const { t } = useTranslation();
  const vendorName = useVendorName();
  const [dialog, setDialog] = useState<"edit" | "delete" | null>(null);
  const change = useChangeKey(item.id);
  const verify = useVerifyKey(item.id);
  const remove = useDeleteKey(item.id);

  async function check() {
    try {
      const answer = await verify.mutateAsync();
      notify({
        color: RESULT_COLORS[answer.result],
        title: `${item.label}: ${t(`keys.check.${answer.result}`)}`,
        message: answer.detail,
      });
    } catch (error) {
      notifyError(error, item.label);
    }
  }

  async function toggle() {
    try {
      await change.mutateAsync({ enabled: !item.enabled });
    } catch (error) {
      notifyError(error, item.label);
    }
  }

  return (
    <Table.Tr>
      <Table.Td>
        <Stack gap={2}>
          <Group gap={8}>
            <Text size="sm" fw={600}>
              {item.label}
            </Text>
            {item.is_simulated && <SimulatedBadge />}
          </Group>
          <Text size="xs" c="dimmed">
            {vendorName(item.vendor)} · <span className="mono">{item.hint ?? t("keys.noSecret")}</span>
          </Text>
        </Stack>
      </Table.Td>
      <Table.Td>
        <KeyStatus item={item} checking={verify.isPending} />
      </Table.Td>
      <Table.Td visibleFrom="md">
        {item.tag ? (
          <span className="mono">{item.tag}</span>
        ) : (
          <Text size="sm" c="dimmed">
            {t("keys.noTag")}
          </Text>
        )}
      </Table.Td>
      <Table.Td visibleFrom="sm">
        <UsedBy hostnames={item.used_by} />
      </Table.Td>
      <Table.Td visibleFrom="md">
        <Text size="sm">
          <Ago at={item.last_used_at} never={t("keys.never")} />
        </Text>
      </Table.Td>
      <Table.Td>
        <Menu position="bottom-end">
          <Menu.Target>
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={t("table.actionsFor", { name: item.label })}
            >
              <IconDots size={18} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item
              leftSection={<IconShieldCheck size={16} />}
              onClick={check}
              disabled={verify.isPending}
            >
              {t("keys.verify")}
            </Menu.Item>
            <Menu.Item leftSection={<IconEdit size={16} />} onClick={() => setDialog("edit")}>
              {t("action.edit")}
            </Menu.Item>
            <Menu.Item leftSection={<IconPower size={16} />} onClick={toggle}>
              {item.enabled ? t("keys.disable") : t("keys.enable")}
            </Menu.Item>
            <Menu.Divider />
            <Menu.Item color="red" leftSection={<IconTrash size={16} />} onClick={() => setDialog("delete")}>
              {t("action.delete")}
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
        <KeyFormDialog opened={dialog === "edit"} onClose={() => setDialog(null)} edited={item} />
        <Confirm
          opened={dialog === "delete"}
          onClose={() => setDialog(null)}
          title={t("keys.deleteTitle", { label: item.label })}
          action={t("keys.deleteAction")}
          onConfirm={() => remove.mutateAsync()}
        >
          <Text size="sm">{item.used_by.length > 0 ? t("keys.deleteUsed") : t("keys.deleteUnused")}</Text>
          {item.used_by.length > 0 && (
            <List size="sm" mt="xs">
              {item.used_by.map((hostname) => (
                <List.Item key={hostname} className="mono">
                  {hostname}
                </List.Item>
              ))}
            </List>
          )}
        </Confirm>
      </Table.Td>
    </Table.Tr>
  );
}

function UsedBy({ hostnames }: { hostnames: readonly string[] }) {
  const { t } = useTranslation();
  if (hostnames.length === 0) {
    return (
      <Text size="sm" c="dimmed">
        {t("keys.unused")}
      </Text>
    );
  }
  return (
    <Text size="sm">
      {hostnames.slice(0, SHOWN_BOTS).map((hostname, index) => (
        <span key={hostname}>
          {index > 0 && ", "}
          <Anchor component={Link} to={`/bots/${hostname}`} size="sm">
            {hostname}
          </Anchor>
        </span>
      ))}
      {hostnames.length > SHOWN_BOTS && ` ${t("keys.andMore", { count: hostnames.length - SHOWN_BOTS })}`}
    </Text>
  );
}
