import { Alert, Badge } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { needingAttention } from "./keyState";
import { keyHealthQuery } from "./queries";

function useAttention(): number {
  const health = useQuery({ ...keyHealthQuery, refetchInterval: 30_000 });
  return health.data ? needingAttention(health.data) : 0;
}

/** A number beside the way to the keys, when some need their owner. */
export function KeysBadge() {
  const { t } = useTranslation();
  const count = useAttention();
  if (count === 0) return null;
  const words = t("keys.attention", { count });
  return (
    <Badge color="red" size="sm" circle={count < 10} role="img" aria-label={words} title={words}>
      {count}
    </Badge>
  );
}

export function KeysAttention() {
  const { t } = useTranslation();
  const count = useAttention();
  if (count === 0) return null;
  return (
    <Alert
      color="red"
      variant="light"
      mb="md"
      icon={<IconAlertTriangle aria-hidden="true" />}
      title={t("keys.attention", { count })}
    >
      {t("keys.attentionText")}
    </Alert>
  );
}
