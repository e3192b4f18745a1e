import { TagsInput } from "@mantine/core";
import { useTranslation } from "react-i18next";
import { useBotFormValues } from "./botForm";

export function TagsField() {
  const { t } = useTranslation();
  const form = useBotFormValues();
  return (
    <TagsInput
      label={t("bots.tags")}
      description={t("bots.tagsHelp")}
      clearButtonProps={{ "aria-label": t("action.clear") }}
      {...form.getInputProps("tags")}
    />
  );
}
