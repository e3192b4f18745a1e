import {
  Autocomplete,
  Button,
  Group,
  PasswordInput,
  Select,
  SimpleGrid,
  Stack,
  Switch,
  Textarea,
  TextInput,
} from "@mantine/core";
import { useForm } from "@mantine/form";
import { useTranslation } from "react-i18next";
import type { ProviderKey, Vendor } from "@/api";
import { ErrorAlert } from "@/components";
import { formErrors } from "@/lib/errors";
import { focusFirstError } from "@/lib/focusError";
import { type KeyValues, keyToCreate, keyToPatch, valuesOf } from "./formValues";
import { useAddKey, useChangeKey } from "./queries";
import { addressesOf, vendorOptions } from "./vendors";

const API_TYPES = ["openai-chat", "openai-responses", "anthropic-messages"] as const;
const FIELDS = ["vendor", "label", "secret", "base_url", "tag", "api_type", "notes", "enabled"];

type Props = {
  vendors: readonly Vendor[];
  edited?: ProviderKey;
  vendor?: string;
  onCancel: () => void;
  onSaved: (saved: ProviderKey) => void;
};

export function KeyForm({ vendors, edited, vendor, onCancel, onSaved }: Props) {
  const { t } = useTranslation();
  const add = useAddKey();
  const change = useChangeKey(edited?.id ?? "");
  const saving = edited ? change : add;
  const find = (id: string) => vendors.find((item) => item.id === id);
  const form = useForm<KeyValues>({
    initialValues: valuesOf(edited, find(vendor ?? "")),
    validate: {
      vendor: (value) => (value ? null : t("field.missing")),
      label: (value) => (value.trim() ? null : t("field.missing")),
      secret: (value, { vendor: id }) =>
        !edited && find(id)?.key_required && !value.trim() ? t("field.missing") : null,
      base_url: (value, { vendor: id }) =>
        find(id)?.needs_base_url && !value.trim() ? t("field.missing") : null,
    },
  });
  const chosen = find(form.values.vendor);
  const failure = saving.error && !formErrors(saving.error, FIELDS).allPlaced ? saving.error : null;

  function chooseVendor(id: string | null) {
    const before = chosen;
    const next = find(id ?? "");
    form.setFieldValue("vendor", id ?? "");
    // The vendor's name is a fair label until somebody types another.
    if (!form.values.label || form.values.label === before?.name)
      form.setFieldValue("label", next?.name ?? "");
  }

  async function submit(values: KeyValues) {
    try {
      const saved = edited
        ? await change.mutateAsync(keyToPatch(values, edited))
        : await add.mutateAsync(keyToCreate(values));
      onSaved(saved);
    } catch (error) {
      const { byField } = formErrors(error, FIELDS);
      form.setErrors(byField);
      focusFirstError(form, byField);
    }
  }

  return (
    <form onSubmit={form.onSubmit(submit, (errors) => focusFirstError(form, errors))} noValidate>
      <Stack>
        {failure && <ErrorAlert error={failure} title={t("error.notSaved")} />}
        <SimpleGrid cols={{ base: 1, xs: 2 }}>
          <Select
            label={t("keys.vendor")}
            data={vendorOptions(vendors)}
            searchable
            required
            disabled={edited !== undefined}
            nothingFoundMessage={t("search.nothing")}
            data-autofocus={edited ? undefined : true}
            {...form.getInputProps("vendor")}
            onChange={chooseVendor}
          />
          <TextInput label={t("keys.label")} required {...form.getInputProps("label")} />
        </SimpleGrid>
        <PasswordInput
          label={edited ? t("keys.replaceSecret") : t("keys.secret")}
          description={
            edited
              ? t("keys.replaceSecretHelp", { hint: edited.hint ?? t("keys.noSecret") })
              : t("keys.secretHelp")
          }
          placeholder={chosen?.key_prefixes[0] ? `${chosen.key_prefixes[0]}…` : undefined}
          autoComplete="off"
          spellCheck={false}
          required={!edited && chosen?.key_required !== false}
          visibilityToggleButtonProps={{ "aria-label": t("keys.showSecret") }}
          {...form.getInputProps("secret")}
        />
        {chosen && (
          <Autocomplete
            label={chosen.needs_base_url ? t("keys.baseUrl") : t("keys.baseUrlOptional")}
            description={t(chosen.needs_base_url ? "keys.baseUrlHelp" : "keys.baseUrlOptionalHelp")}
            placeholder={chosen.endpoints[0]?.base_url ?? "https://…"}
            data={addressesOf(chosen)}
            required={chosen.needs_base_url}
            {...form.getInputProps("base_url")}
          />
        )}
        <SimpleGrid cols={{ base: 1, xs: 2 }}>
          <TextInput label={t("keys.tag")} description={t("keys.tagHelp")} {...form.getInputProps("tag")} />
          {form.values.vendor === "custom" && (
            <Select
              label={t("keys.apiType")}
              description={t("keys.apiTypeHelp")}
              data={[...API_TYPES]}
              clearable
              {...form.getInputProps("api_type")}
            />
          )}
        </SimpleGrid>
        <Textarea label={t("keys.notes")} autosize minRows={2} maxRows={6} {...form.getInputProps("notes")} />
        <Switch label={t("keys.enabled")} {...form.getInputProps("enabled", { type: "checkbox" })} />
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel}>
            {t("action.cancel")}
          </Button>
          <Button type="submit" loading={saving.isPending}>
            {edited ? t("action.save") : t("keys.add")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
