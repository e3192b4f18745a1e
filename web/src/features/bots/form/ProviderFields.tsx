import { Button, Group, Select, SimpleGrid, Stack, TagsInput, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconDownload, IconKey, IconPlus, IconTrash } from "@tabler/icons-react";
import { useInfiniteQuery, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useTranslation } from "react-i18next";
import type { ProviderKey, Vendor } from "@/api";
import { ErrorAlert, SimulatedBadge } from "@/components";
import { KeyFormDialog, keyModelsQuery, keysQuery, vendorOptions, vendorsQuery } from "@/features/keys";
import { NO_PROVIDER, POOL, useBotFormValues } from "./botForm";

export function ProviderFields() {
  const { t } = useTranslation();
  const form = useBotFormValues();
  const vendors = useQuery(vendorsQuery);
  const keys = useInfiniteQuery(keysQuery);
  const allKeys = keys.data?.pages.flatMap((page) => page.items) ?? [];
  const [adding, { open, close }] = useDisclosure();
  const { providers } = form.values;

  // Who has keys of one vendor only means that one.
  const vendorsWithKeys = [...new Set(allKeys.map((key) => key.vendor))];
  const only = vendorsWithKeys.length === 1 ? vendorsWithKeys[0] : undefined;
  const untouched = providers.length === 1 && providers[0]?.vendor === "" && !form.isDirty("providers");
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the keys are known
  useEffect(() => {
    if (only && untouched) form.replaceListItem("providers", 0, { ...NO_PROVIDER, vendor: only });
  }, [only]);

  return (
    <Stack gap="lg">
      {vendors.error && <ErrorAlert error={vendors.error} onRetry={() => vendors.refetch()} />}
      {providers.map((provider, index) => (
        <ProviderRow
          // biome-ignore lint/suspicious/noArrayIndexKey: rows have no other identity, and removing one resets it
          key={`${index}/${providers.length}/${provider.vendor}`}
          index={index}
          vendors={vendors.data ?? []}
          keys={allKeys.filter((key) => key.vendor === provider.vendor)}
          ownKeys={allKeys}
        />
      ))}
      <Group gap="xs">
        <Button
          variant="default"
          size="xs"
          leftSection={<IconPlus size={14} aria-hidden="true" />}
          onClick={() => form.insertListItem("providers", NO_PROVIDER)}
        >
          {t("bots.addProvider")}
        </Button>
        <Button
          variant="subtle"
          size="xs"
          leftSection={<IconKey size={14} aria-hidden="true" />}
          onClick={open}
        >
          {t("keys.add")}
        </Button>
      </Group>
      <KeyFormDialog opened={adding} onClose={close} />
    </Stack>
  );
}

type RowProps = {
  index: number;
  vendors: readonly Vendor[];
  keys: readonly ProviderKey[];
  ownKeys: readonly ProviderKey[];
};

function ProviderRow({ index, vendors, keys, ownKeys }: RowProps) {
  const { t } = useTranslation();
  const form = useBotFormValues();
  const at = <F extends string>(field: F) => `providers.${index}.${field}` as const;
  const provider = form.values.providers[index] ?? NO_PROVIDER;
  const vendor = vendors.find((item) => item.id === provider.vendor);
  const { loaded, load, loading, error } = useLoadedModels(provider.key_id || keys[0]?.id);
  const suggestions = loaded ?? vendor?.suggested_models ?? [];
  const withKeys = new Set(ownKeys.map((key) => key.vendor));
  const options = [
    { group: t("bots.vendorsWithKey"), items: vendorItems(vendors.filter((item) => withKeys.has(item.id))) },
    ...vendorOptions(vendors.filter((item) => !withKeys.has(item.id))),
  ].filter((group) => group.items.length > 0);

  function setModels(models: string[]) {
    form.setFieldValue(at("models"), models);
    if (!models.includes(provider.primary_model)) form.setFieldValue(at("primary_model"), models[0] ?? "");
  }

  return (
    <Stack gap="sm">
      <SimpleGrid cols={{ base: 1, xs: 2 }}>
        <Select
          label={t("keys.vendor")}
          data={options}
          searchable
          required
          allowDeselect={false}
          nothingFoundMessage={t("search.nothing")}
          {...form.getInputProps(at("vendor"))}
          onChange={(id) => form.replaceListItem("providers", index, { ...NO_PROVIDER, vendor: id ?? "" })}
        />
        <Select
          label={t("bots.key")}
          description={vendor && keys.length === 0 && vendor.key_required ? t("bots.noKeyYet") : undefined}
          inputWrapperOrder={["label", "input", "description", "error"]}
          data={[
            { value: POOL, label: t("bots.pool") },
            ...keys.map((key) => ({
              value: key.id,
              label: key.hint ? `${key.label} (${key.hint})` : key.label,
            })),
          ]}
          allowDeselect={false}
          disabled={!vendor}
          {...form.getInputProps(at("key_id"))}
        />
      </SimpleGrid>
      {keys.some((key) => key.is_simulated) && (
        <div>
          <SimulatedBadge />
        </div>
      )}
      <Group align="flex-end" gap="xs">
        <TagsInput
          label={t("bots.models")}
          description={t("bots.modelsHelp")}
          data={suggestions}
          required
          disabled={!vendor}
          flex="1 1 260px"
          maxDropdownHeight={280}
          clearButtonProps={{ "aria-label": t("action.clear") }}
          {...form.getInputProps(at("models"))}
          onChange={setModels}
        />
        <Button
          variant="default"
          leftSection={<IconDownload size={16} aria-hidden="true" />}
          disabled={keys.length === 0}
          loading={loading}
          onClick={async () => {
            const [first] = await load();
            // Any model of the simulated provider is as good as another.
            if (first && keys.some((key) => key.is_simulated) && provider.models.length === 0)
              setModels([first]);
          }}
        >
          {t("bots.loadModels")}
        </Button>
      </Group>
      {loaded && (
        <Text size="xs" c="dimmed" role="status">
          {t("bots.modelsLoaded", { count: loaded.length })}
        </Text>
      )}
      {error !== null && <ErrorAlert error={error} title={t("bots.modelsNotLoaded")} />}
      <Group justify="space-between" align="flex-end">
        <Select
          label={t("bots.primaryModel")}
          data={provider.models}
          disabled={provider.models.length < 2}
          allowDeselect={false}
          w={{ base: "100%", xs: 300 }}
          {...form.getInputProps(at("primary_model"))}
          value={provider.primary_model || null}
        />
        {form.values.providers.length > 1 && (
          <Button
            variant="subtle"
            color="red"
            size="xs"
            leftSection={<IconTrash size={14} aria-hidden="true" />}
            onClick={() => form.removeListItem("providers", index)}
          >
            {t("bots.removeProvider", { number: index + 1 })}
          </Button>
        )}
      </Group>
    </Stack>
  );
}

function vendorItems(vendors: readonly Vendor[]) {
  return vendors.map((vendor) => ({ value: vendor.id, label: vendor.name }));
}

function useLoadedModels(keyId: string | undefined) {
  const queryClient = useQueryClient();
  const [loaded, setLoaded] = useState<string[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [loading, setLoading] = useState(false);
  async function load(): Promise<string[]> {
    if (!keyId) return [];
    setLoading(true);
    setError(null);
    try {
      const { models } = await queryClient.fetchQuery(keyModelsQuery(keyId));
      setLoaded(models);
      return models;
    } catch (reason) {
      setError(reason);
      return [];
    } finally {
      setLoading(false);
    }
  }
  return { loaded, load, loading, error };
}
