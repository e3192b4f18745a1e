import { Alert, Button, Group, Stack } from "@mantine/core";
import { IconEyeOff } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { CopyButton, CopyField } from "./Copy";

/** A token at the only time it can be seen. */
export function SecretOnce(props: { token: string; children?: ReactNode; onDone: () => void }) {
  const { t } = useTranslation();
  return (
    <Stack>
      <Alert color="orange" icon={<IconEyeOff aria-hidden="true" />}>
        {t("secret.once")}
      </Alert>
      <CopyField label={t("secret.token")} text={props.token} />
      {props.children}
      <Group justify="flex-end">
        <Button variant="default" onClick={props.onDone}>
          {t("action.done")}
        </Button>
        <CopyButton text={props.token}>{t("secret.copy")}</CopyButton>
      </Group>
    </Stack>
  );
}
