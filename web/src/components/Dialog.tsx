import { Modal, type ModalProps } from "@mantine/core";
import { useTranslation } from "react-i18next";

/** A modal whose close button has a name in the user's language. */
export function Dialog(props: ModalProps) {
  const { t } = useTranslation();
  return <Modal closeButtonProps={{ "aria-label": t("action.close") }} size="lg" {...props} />;
}
