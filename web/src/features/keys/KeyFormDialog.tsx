import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import type { ProviderKey } from "@/api";
import { Dialog, QueryView } from "@/components";
import { KeyForm } from "./KeyForm";
import { vendorsQuery } from "./queries";

type Props = {
  opened: boolean;
  onClose: () => void;
  /** The key to edit; a new one is made without it. */
  edited?: ProviderKey;
  vendor?: string;
  onSaved?: (saved: ProviderKey) => void;
};

export function KeyFormDialog({ opened, onClose, edited, vendor, onSaved }: Props) {
  const { t } = useTranslation();
  const vendors = useQuery({ ...vendorsQuery, enabled: opened });
  return (
    <Dialog
      opened={opened}
      onClose={onClose}
      title={edited ? t("keys.editTitle", { label: edited.label }) : t("keys.add")}
    >
      <QueryView query={vendors}>
        {(catalogue) => (
          <KeyForm
            vendors={catalogue}
            edited={edited}
            vendor={vendor}
            onCancel={onClose}
            onSaved={(saved) => {
              onSaved?.(saved);
              onClose();
            }}
          />
        )}
      </QueryView>
    </Dialog>
  );
}
