import { Button, Group, Stack, Switch, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import type { Bot } from "@/api";
import { Dialog, ErrorAlert } from "@/components";
import { formErrors } from "@/lib/errors";
import { focusFirstError } from "@/lib/focusError";
import { isHostname } from "@/lib/hostname";
import { useClone } from "./queries";

const FIELDS = ["hostname", "name"];
type Props = { bot: Bot; opened: boolean; onClose: () => void };

export function CloneDialog({ bot, opened, onClose }: Props) {
  const { t } = useTranslation();
  return (
    <Dialog opened={opened} onClose={onClose} title={t("clone.title", { name: bot.name })} size="md" centered>
      <CloneForm bot={bot} onClose={onClose} />
    </Dialog>
  );
}

function CloneForm({ bot, onClose }: Omit<Props, "opened">) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const clone = useClone(bot.hostname);
  const form = useForm({
    initialValues: {
      hostname: `${bot.hostname.slice(0, 59)}-copy`,
      name: t("clone.copyOf", { name: bot.name }).slice(0, 255),
      with_files: false,
      auto_start: true,
    },
    validate: {
      name: (value) => (value.trim() ? null : t("field.missing")),
      hostname: (value) => (isHostname(value) ? null : t("bots.hostnameHelp")),
    },
  });

  async function submit(values: typeof form.values) {
    try {
      const made = await clone.mutateAsync({ ...values, name: values.name.trim() });
      onClose();
      await navigate({ to: "/bots/$hostname", params: { hostname: made.hostname } });
    } catch (error) {
      const { byField } = formErrors(error, FIELDS);
      form.setErrors(byField);
      focusFirstError(form, byField);
    }
  }

  const failure = clone.error && !formErrors(clone.error, FIELDS).allPlaced ? clone.error : null;
  return (
    <form onSubmit={form.onSubmit(submit)} noValidate>
      <Stack>
        <TextInput label={t("bots.name")} required data-autofocus {...form.getInputProps("name")} />
        <TextInput
          label={t("bots.hostname")}
          description={t("bots.hostnameHelp")}
          required
          spellCheck={false}
          autoCapitalize="none"
          classNames={{ input: "mono" }}
          {...form.getInputProps("hostname")}
        />
        <Switch
          label={t("clone.withFiles")}
          description={t("clone.withFilesHelp")}
          {...form.getInputProps("with_files", { type: "checkbox" })}
        />
        <Switch label={t("bots.autoStart")} {...form.getInputProps("auto_start", { type: "checkbox" })} />
        {failure && <ErrorAlert error={failure} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t("action.cancel")}
          </Button>
          <Button type="submit" loading={form.submitting}>
            {t("clone.action")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
