import { Modal, type ModalProps } from "@mantine/core";
import { useTranslation } from "react-i18next";

/** Mantine makes the title bar a `header`, which outside of a section would be a second banner of the page. */
const NOT_A_BANNER = { header: { role: "presentation" } };

/** A modal whose close button has a name in the user's language. */
export function Dialog(props: ModalProps) {
  const { t } = useTranslation();
  return (
    <Modal
      closeButtonProps={{ "aria-label": t("action.close") }}
      size="lg"
      attributes={NOT_A_BANNER}
      {...props}
    />
  );
}
