import { Button, FileInput, Group, Stack, Text, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { IconFileZip } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { Dialog, ErrorAlert } from "@/components";
import { formErrors } from "@/lib/errors";
import { isHostname } from "@/lib/hostname";
import { useImport } from "../changes/queries";

const FIELDS = ["hostname"];

export function ImportDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <Dialog opened={opened} onClose={onClose} title={t("import.title")} size="md" centered>
      <ImportForm onClose={onClose} />
    </Dialog>
  );
}

function ImportForm({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const upload = useImport();
  const form = useForm<{ hostname: string; file: File | null }>({
    initialValues: { hostname: "", file: null },
    validate: {
      file: (value) => (value ? null : t("import.noFile")),
      hostname: (value) => (value === "" || isHostname(value) ? null : t("bots.hostnameHelp")),
    },
  });

  async function submit({ hostname, file }: typeof form.values) {
    if (!file) return;
    try {
      const bot = await upload.mutateAsync({ hostname, file });
      onClose();
      await navigate({ to: "/bots/$hostname", params: { hostname: bot.hostname } });
    } catch (error) {
      form.setErrors(formErrors(error, FIELDS).byField);
    }
  }

  const failure = upload.error && !formErrors(upload.error, FIELDS).allPlaced ? upload.error : null;
  return (
    <form onSubmit={form.onSubmit(submit)} noValidate>
      <Stack>
        <Text size="sm" c="dimmed">
          {t("import.about")}
        </Text>
        <FileInput
          label={t("import.file")}
          accept=".tar.gz,.tgz,application/gzip"
          required
          leftSection={<IconFileZip size={16} aria-hidden="true" />}
          placeholder={t("import.pick")}
          {...form.getInputProps("file")}
        />
        <TextInput
          label={t("bots.hostname")}
          description={t("import.hostnameHelp")}
          spellCheck={false}
          autoCapitalize="none"
          classNames={{ input: "mono" }}
          {...form.getInputProps("hostname")}
        />
        {failure && <ErrorAlert error={failure} title={t("import.failed")} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t("action.cancel")}
          </Button>
          <Button type="submit" loading={form.submitting}>
            {t("import.action")}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
