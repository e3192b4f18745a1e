import { Alert, Text } from "@mantine/core";
import { IconShieldOff } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { currentLocale } from "@/lib/i18n";

/** Said wherever bots are: this runtime does not keep them apart from the machine. */
export function IsolationWarning({ warning }: { warning: string | null | undefined }) {
  const { t } = useTranslation();
  if (!warning) return null;
  return (
    <Alert color="orange" icon={<IconShieldOff size={20} aria-hidden="true" />} mb="md" px="sm" py={10}>
      <Text size="sm" c="var(--mantine-color-text)">
        <strong>{t("isolation.title")}</strong> {currentLocale() === "en" ? warning : t("isolation.text")}
      </Text>
    </Alert>
  );
}
