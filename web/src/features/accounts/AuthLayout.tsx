import { Group, Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { LanguageMenu, Logo, ThemeMenu, usePageTitle } from "@/components";
import classes from "./AuthLayout.module.css";

type Props = { title: string; children: ReactNode; below?: ReactNode };

export function AuthLayout({ title, children, below }: Props) {
  const { t } = useTranslation();
  usePageTitle(title);
  return (
    <div className={classes.page}>
      <aside className={classes.aside} aria-label={t("auth.about")}>
        <Text className={classes.claim}>{t("auth.claim")}</Text>
        <ul className={classes.points}>
          {["run", "keys", "usage"].map((point) => (
            <li key={point}>
              <strong>{t(`auth.point.${point}.title`)}</strong>
              <span>{t(`auth.point.${point}.text`)}</span>
            </li>
          ))}
        </ul>
      </aside>
      <main className={classes.main}>
        <Group justify="space-between" wrap="nowrap">
          <Logo />
          <Group gap={4} wrap="nowrap">
            <LanguageMenu />
            <ThemeMenu />
          </Group>
        </Group>
        <Stack className={classes.form} gap="lg">
          <Title order={1}>{title}</Title>
          {children}
          {below && (
            <Text size="sm" c="dimmed">
              {below}
            </Text>
          )}
        </Stack>
      </main>
    </div>
  );
}
