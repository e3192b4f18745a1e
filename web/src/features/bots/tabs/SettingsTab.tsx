import { Alert, Button, Group, Stack, Text, TextInput } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Bot } from "@/api";
import { ErrorAlert } from "@/components";
import { formErrors } from "@/lib/errors";
import { focusFirstError } from "@/lib/focusError";
import { usePatchBot } from "../changes/queries";
import {
  BotFormProvider,
  fieldPaths,
  keepEdits,
  settingsRules,
  toPatch,
  toValues,
  useBotForm,
} from "../form/botForm";
import { FeatureFields } from "../form/FeatureFields";
import { LimitFields } from "../form/LimitFields";
import { PersonaFields } from "../form/PersonaFields";
import { ProviderFields } from "../form/ProviderFields";
import { Section } from "../form/Section";
import { TagsField } from "../form/TagsField";

/** Everything that can be changed of a bot, with when it takes effect. Only what was changed is sent. */
export function SettingsTab({ bot }: { bot: Bot }) {
  const { t } = useTranslation();
  const patch = usePatchBot(bot.hostname);
  const [before, setBefore] = useState(() => toValues(bot));
  const form = useBotForm({ initialValues: before, validate: settingsRules((key) => t(key)) });
  const changed = Object.keys(toPatch(before, form.values)).length > 0;

  async function submit(values: typeof form.values) {
    try {
      const after = toValues(await patch.mutateAsync(toPatch(before, values)));
      setBefore(after);
      form.setValues(keepEdits(values, after, form.getValues()));
    } catch (error) {
      const { byField } = formErrors(error, fieldPaths(values));
      form.setErrors(byField);
      focusFirstError(form, byField);
    }
  }

  const failure =
    patch.error && !formErrors(patch.error, fieldPaths(form.values)).allPlaced ? patch.error : null;
  return (
    <BotFormProvider form={form}>
      <form onSubmit={form.onSubmit(submit, (errors) => focusFirstError(form, errors))} noValidate>
        <Stack gap="md" maw={860}>
          <Section title={t("bots.section.name")} note={t("settings.atOnce")}>
            <TextInput label={t("bots.name")} required maxLength={255} {...form.getInputProps("name")} />
            <TagsField />
          </Section>
          <Section title={t("bots.section.providers")} note={t("settings.atOnce")}>
            <ProviderFields />
          </Section>
          <Section title={t("bots.section.persona")} note={t("settings.atOnce")}>
            <PersonaFields />
          </Section>
          <Section title={t("bots.section.features")} note={t("settings.atOnce")}>
            <FeatureFields />
          </Section>
          <Section title={t("limits.title")} help={t("limits.about")} note={t("settings.atRestart")}>
            <LimitFields />
          </Section>
          {failure && <ErrorAlert error={failure} title={t("error.notSaved")} />}
          {patch.isSuccess && !changed && (
            <Alert color="green" p="xs" icon={<IconCheck aria-hidden="true" />} role="status">
              {t(bot.is_pending_restart ? "settings.savedPending" : "settings.saved")}
            </Alert>
          )}
          <Group justify="flex-end" gap="sm">
            {changed && (
              <Text size="sm" c="dimmed" role="status">
                {t("settings.unsaved")}
              </Text>
            )}
            <Button variant="default" disabled={!changed} onClick={() => form.setValues(before)}>
              {t("settings.discard")}
            </Button>
            <Button type="submit" disabled={!changed} loading={patch.isPending}>
              {t("action.save")}
            </Button>
          </Group>
        </Stack>
      </form>
    </BotFormProvider>
  );
}
