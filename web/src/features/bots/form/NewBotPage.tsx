import { Button, Collapse, Group, Stack, Switch, TextInput } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { ErrorAlert, PageHeader } from "@/components";
import { formErrors } from "@/lib/errors";
import { focusFirstError } from "@/lib/focusError";
import { isHostname, suggestHostname } from "@/lib/hostname";
import { useCreateBot } from "../queries";
import { AgentField } from "./AgentField";
import { BotFormProvider, fieldPaths, INITIAL, settingsRules, toBotIn, useBotForm } from "./botForm";
import { FeatureFields } from "./FeatureFields";
import { LimitFields } from "./LimitFields";
import { PersonaFields } from "./PersonaFields";
import { ProviderFields } from "./ProviderFields";
import { Section } from "./Section";
import { TagsField } from "./TagsField";

export function NewBotPage() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const create = useCreateBot();
  const [hostnameTyped, setHostnameTyped] = useState(false);
  const form = useBotForm({
    initialValues: INITIAL,
    validate: {
      ...settingsRules((key) => t(key)),
      hostname: (value) => (isHostname(value) ? null : t("bots.hostnameHelp")),
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
              <TagsField />
            </Section>
            <Section title={t("agents.title")} help={t("agents.about")}>
              <AgentField />
            </Section>
            <Advanced />
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

/** Open from the start would make a long form longer for the few who need it. */
function Advanced() {
  const { t } = useTranslation();
  const [opened, { toggle }] = useDisclosure();
  const Icon = opened ? IconChevronDown : IconChevronRight;
  return (
    <div>
      <Button
        variant="subtle"
        size="sm"
        leftSection={<Icon size={16} aria-hidden="true" />}
        aria-expanded={opened}
        onClick={toggle}
      >
        {t("limits.advanced")}
      </Button>
      <Collapse expanded={opened} mt={opened ? "sm" : 0}>
        <Section title={t("limits.title")} help={t("limits.about")}>
          <LimitFields />
        </Section>
      </Collapse>
    </div>
  );
}
