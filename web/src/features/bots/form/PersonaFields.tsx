import { Group, SimpleGrid, Skeleton, Text, Textarea, TextInput, UnstyledButton } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { PersonaTemplate } from "@/api";
import { ErrorAlert } from "@/components";
import { currentLocale } from "@/lib/i18n";
import { personaTemplatesQuery } from "../queries";
import { useBotFormValues } from "./botForm";
import classes from "./PersonaFields.module.css";

export function PersonaFields({ onTemplate }: { onTemplate?: (name: string) => void }) {
  const { t } = useTranslation();
  const form = useBotFormValues();
  const templates = useQuery(personaTemplatesQuery(currentLocale()));
  const [chosen, setChosen] = useState<string | null>(null);

  function choose(template: PersonaTemplate) {
    setChosen(template.id);
    form.setFieldValue("persona", {
      name: template.name,
      emoji: template.emoji,
      soul_markdown: template.soul_markdown,
    });
    onTemplate?.(template.name);
  }

  return (
    <>
      {templates.error && <ErrorAlert error={templates.error} onRetry={() => templates.refetch()} />}
      {templates.isPending && <Skeleton height={150} />}
      {templates.data && (
        <SimpleGrid
          cols={{ base: 1, xs: 2, md: 3 }}
          spacing="xs"
          className={classes.templates}
          role="group"
          aria-label={t("bots.templates")}
          tabIndex={0}
        >
          {templates.data.map((template) => (
            <UnstyledButton
              key={template.id}
              className={classes.template}
              aria-pressed={template.id === chosen}
              onClick={() => choose(template)}
            >
              <Text span fz={22} aria-hidden="true">
                {template.emoji}
              </Text>
              <span className={classes.text}>
                <Text span size="sm" fw={600} display="block">
                  {template.name}
                </Text>
                <Text span size="xs" c="dimmed" lineClamp={2}>
                  {template.tagline}
                </Text>
              </span>
            </UnstyledButton>
          ))}
        </SimpleGrid>
      )}
      <Group align="flex-start" grow preventGrowOverflow={false}>
        <TextInput
          label={t("bots.personaName")}
          description={t("bots.personaNameHelp")}
          maxLength={100}
          {...form.getInputProps("persona.name")}
        />
        <TextInput
          label={t("bots.emoji")}
          description={t("bots.emojiHelp")}
          maxLength={16}
          maw={200}
          {...form.getInputProps("persona.emoji")}
        />
      </Group>
      <Textarea
        label={t("bots.soul")}
        description={t("bots.soulHelp")}
        autosize
        minRows={4}
        maxRows={14}
        maxLength={20_000}
        classNames={{ input: "mono" }}
        {...form.getInputProps("persona.soul_markdown")}
      />
    </>
  );
}
