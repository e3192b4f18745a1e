import { Button, Group, Stack, Switch, TagsInput, Text, TextInput, Title } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { ErrorAlert, PageHeader } from "@/components";
import { formErrors } from "@/lib/errors";
import { focusFirstError } from "@/lib/focusError";
import { isHostname, suggestHostname } from "@/lib/hostname";
import { BotFormProvider, fieldPaths, INITIAL, toBotIn, useBotForm } from "./botForm";
import { FeatureFields } from "./FeatureFields";
import { PersonaFields } from "./PersonaFields";
import { ProviderFields } from "./ProviderFields";
import { useCreateBot } from "./queries";

const TAG = /^[a-z0-9][a-z0-9._-]{0,63}$/;

export function NewBotPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const create = useCreateBot();
  const [hostnameTyped, setHostnameTyped] = useState(false);
  const form = useBotForm({
    initialValues: INITIAL,
    validate: {
      name: (value) => (value.trim() ? null : t("field.missing")),
      hostname: (value) => (isHostname(value) ? null : t("bots.hostnameHelp")),
      tags: (tags) => (tags.every((tag) => TAG.test(tag)) ? null : t("bots.tagsHelp")),
      providers: {
        vendor: (value) => (value ? null : t("field.missing")),
        models: (models) => (models.length > 0 ? null : t("bots.modelsMissing")),
      },
    },
  });

  function rename(name: string) {
    form.setFieldValue("name", name);
    if (!hostnameTyped) form.setFieldValue("hostname", suggestHostname(name));
  }

  async function submit(values: typeof form.values) {
    try {
      const bot = await create.mutateAsync(toBotIn(values));
      await navigate({ to: "/bots/$hostname", params: { hostname: bot.hostname } });
    } catch (error) {
      const { byField } = formErrors(error, fieldPaths(values));
      form.setErrors(byField);
      focusFirstError(form, byField);
    }
  }

  const failure =
    create.error && !formErrors(create.error, fieldPaths(form.values)).allPlaced ? create.error : null;

  return (
    <>
      <PageHeader title={t("bots.create")} description={t("bots.createAbout")} />
      <BotFormProvider form={form}>
        <form onSubmit={form.onSubmit(submit, (errors) => focusFirstError(form, errors))} noValidate>
          <Stack gap="md" maw={860}>
            <Section title={t("bots.section.persona")} help={t("bots.section.personaHelp")}>
              <PersonaFields onTemplate={(name) => !form.values.name.trim() && rename(name)} />
            </Section>
            <Section title={t("bots.section.name")}>
              <Group grow align="flex-start" preventGrowOverflow={false}>
                <TextInput
                  label={t("bots.name")}
                  required
                  miw={220}
                  {...form.getInputProps("name")}
                  onChange={(event) => rename(event.currentTarget.value)}
                />
                <TextInput
                  label={t("bots.hostname")}
                  description={t("bots.hostnameHelp")}
                  inputWrapperOrder={["label", "input", "description", "error"]}
                  required
                  miw={220}
                  spellCheck={false}
                  autoCapitalize="none"
                  classNames={{ input: "mono" }}
                  {...form.getInputProps("hostname")}
                  onChange={(event) => {
                    setHostnameTyped(event.currentTarget.value !== "");
                    form.setFieldValue("hostname", event.currentTarget.value);
                  }}
                />
              </Group>
            </Section>
            <Section title={t("bots.section.providers")} help={t("bots.section.providersHelp")}>
              <ProviderFields />
            </Section>
            <Section title={t("bots.section.features")}>
              <FeatureFields />
              <TagsInput
                label={t("bots.tags")}
                description={t("bots.tagsHelp")}
                clearButtonProps={{ "aria-label": t("action.clear") }}
                {...form.getInputProps("tags")}
              />
            </Section>
            {failure && <ErrorAlert error={failure} title={t("bots.notCreated")} />}
            <Group justify="space-between">
              <Switch
                label={t("bots.autoStart")}
                {...form.getInputProps("auto_start", { type: "checkbox" })}
              />
              <Group>
                <Button variant="default" onClick={() => navigate({ to: "/bots" })}>
                  {t("action.cancel")}
                </Button>
                <Button type="submit" loading={create.isPending}>
                  {t("bots.create")}
                </Button>
              </Group>
            </Group>
          </Stack>
        </form>
      </BotFormProvider>
    </>
  );
}

function Section({ title, help, children }: { title: string; help?: string; children: ReactNode }) {
  return (
    <Stack component="section" className="panel" p={{ base: "md", sm: "lg" }} gap="md" aria-label={title}>
      <div>
        <Title order={2} fz="md">
          {title}
        </Title>
        {help && (
          <Text size="sm" c="dimmed">
            {help}
          </Text>
        )}
      </div>
      {children}
    </Stack>
  );
}
