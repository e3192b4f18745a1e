import { Button, Group, Stack, TextInput } from "@mantine/core";
import { type FormEvent, type ReactNode, useState } from "react";
import { useTranslation } from "react-i18next";
import { Dialog } from "./Dialog";
import { ErrorAlert } from "./Feedback";

type Props = {
  opened: boolean;
  onClose: () => void;
  title: string;
  children: ReactNode;
  action: string;
  /** What has to be typed before the action is allowed. */
  typed?: string;
  /** Nothing is lost by it, so that it is not shown as a danger. */
  harmless?: boolean;
  onConfirm: () => Promise<unknown>;
};

export function Confirm({ opened, onClose, title, ...body }: Props) {
  return (
    <Dialog opened={opened} onClose={onClose} title={title} size="md" centered>
      <ConfirmBody {...body} onClose={onClose} />
    </Dialog>
  );
}

function ConfirmBody(props: Omit<Props, "opened" | "title">) {
  const { onClose, children, action, typed, harmless = false, onConfirm } = props;
  const { t } = useTranslation();
  const [text, setText] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const allowed = typed === undefined || text === typed;

  async function submit(event: FormEvent) {
    event.preventDefault();
    if (!allowed || busy) return;
    setBusy(true);
    setError(null);
    try {
      await onConfirm();
      onClose();
    } catch (reason) {
      setError(reason);
    } finally {
      setBusy(false);
    }
  }

  return (
    <form onSubmit={submit}>
      <Stack>
        <div>{children}</div>
        {typed !== undefined && (
          <TextInput
            label={t("confirm.type", { text: typed })}
            value={text}
            onChange={(event) => setText(event.currentTarget.value)}
            autoComplete="off"
            spellCheck={false}
            data-autofocus
          />
        )}
        {error !== null && <ErrorAlert error={error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {t("action.cancel")}
          </Button>
          <Button type="submit" color={harmless ? undefined : "red"} disabled={!allowed} loading={busy}>
            {action}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
