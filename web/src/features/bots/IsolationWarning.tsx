import { Alert } from "@mantine/core";
import { IconShieldOff } from "@tabler/icons-react";
import { useTranslation } from "react-i18next";
import { currentLocale } from "@/lib/i18n";

/** Said loudly wherever bots are: this runtime does not keep them apart from the machine. */
export function IsolationWarning({ warning }: { warning: string | null | undefined }) {
  const { t } = useTranslation();
  if (!warning) return null;
  return (
    <Alert
      color="orange"
      icon={<IconShieldOff aria-hidden="true" />}
      title={t("isolation.title")}
      mb="md"
      p="sm"
    >
      {currentLocale() === "en" ? warning : t("isolation.text")}
    </Alert>
  );
}
