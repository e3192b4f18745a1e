import { Button, Group, NativeSelect, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { formErrors } from "@/lib/errors";
import { ErrorAlert } from "./Feedback";

const DAYS = ["", "7", "30", "90", "365"];
const FIELDS = ["name", "expires_in_days"];

type Values = { name: string; expires_in_days: number | null };
type Props = { action: string; onCancel: () => void; onSubmit: (values: Values) => Promise<unknown> };

/** A name and how long it holds: what every token that is made by hand is asked for. */
export function NamedTokenForm({ action, onCancel, onSubmit }: Props) {
  const { t } = useTranslation();
  const [error, setError] = useState<unknown>(null);
  const form = useForm({
    initialValues: { name: "", expires_in_days: "90" },
    validate: { name: (value) => (value.trim() ? null : t("field.missing")) },
  });

  async function submit({ name, expires_in_days }: typeof form.values) {
    setError(null);
    try {
      await onSubmit({
        name: name.trim(),
        expires_in_days: expires_in_days ? Number(expires_in_days) : null,
      });
    } catch (reason) {
      const { byField, allPlaced } = formErrors(reason, FIELDS);
      form.setErrors(byField);
      if (!allPlaced) setError(reason);
    }
  }

  return (
    <form onSubmit={form.onSubmit(submit)} noValidate>
      <Stack>
        {error !== null && <ErrorAlert error={error} />}
        <TextInput
          label={t("tokens.name")}
          description={t("tokens.nameHelp")}
          required
          maxLength={100}
          data-autofocus
          {...form.getInputProps("name")}
        />
        <NativeSelect
          label={t("tokens.expires")}
          data={DAYS.map((days) => ({
            value: days,
            label: days ? t("tokens.days", { count: Number(days) }) : t("tokens.noExpiry"),
          }))}
          {...form.getInputProps("expires_in_days")}
        />
        <Group justify="flex-end">
          <Button variant="default" onClick={onCancel}>
            {t("action.cancel")}
          </Button>
          <Button type="submit" loading={form.submitting}>
            {action}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
