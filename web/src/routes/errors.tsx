import { Anchor, Container } from "@mantine/core";
import { IconMapOff } from "@tabler/icons-react";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { EmptyState, ErrorAlert } from "@/components";

export function NotFound() {
  const { t } = useTranslation();
  return (
    <Container size="sm" py={64}>
      <EmptyState wholePage icon={<IconMapOff />} title={t("notFound.title")}>
        <Anchor component={Link} to="/bots">
          {t("notFound.home")}
        </Anchor>
      </EmptyState>
    </Container>
  );
}

export function RouteError({ error, reset }: { error: unknown; reset: () => void }) {
  return (
    <Container size="sm" py={64}>
      <ErrorAlert error={error} onRetry={reset} />
    </Container>
  );
}
