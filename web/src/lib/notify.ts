import { notifications } from "@mantine/notifications";
import { errorText } from "./errors";
import { i18n } from "./i18n";

type Notice = { title?: string; message: string; color?: string };

export function notify({ title, message, color }: Notice): void {
  notifications.show({ title, message, color, closeButtonProps: { "aria-label": i18n.t("action.close") } });
}

export function notifyError(error: unknown, title?: string): void {
  notify({ color: "red", title, message: errorText(error) });
}
