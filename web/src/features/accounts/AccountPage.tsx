import { Stack, Text, Title } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { PageHeader } from "@/components";
import { PasswordForm } from "./PasswordForm";
import { SessionList } from "./SessionList";
import { useUser } from "./user";

export function AccountPage() {
  const { t } = useTranslation();
  const user = useUser();
  return (
    <>
      <PageHeader title={t("nav.account")} description={user?.email} />
      <Stack gap="xl">
        <section aria-labelledby="sessions">
          <Title order={2} id="sessions" mb={4}>
            {t("sessions.title")}
          </Title>
          <Text size="sm" c="dimmed" mb="sm">
            {t("sessions.about")}
          </Text>
          <SessionList />
        </section>
        <section aria-labelledby="password">
          <Title order={2} id="password" mb={4}>
            {t("password.title")}
          </Title>
          <Text size="sm" c="dimmed" mb="sm">
            {t("password.about")}
          </Text>
          <PasswordForm />
        </section>
      </Stack>
    </>
  );
}
