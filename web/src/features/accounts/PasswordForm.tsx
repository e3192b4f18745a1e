import { Button, PasswordInput, Stack } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useTranslation } from "react-i18next";
import { ErrorAlert } from "@/components";
import { formErrors } from "@/lib/errors";
import { notify } from "@/lib/notify";
import { MIN_PASSWORD } from "./password";
import { useChangePassword } from "./security";
import { useUser } from "./user";

const FIELDS = ["current_password", "new_password"];

export function PasswordForm() {
  const { t } = useTranslation();
  const user = useUser();
  const change = useChangePassword();
  const form = useForm({
    initialValues: { current_password: "", new_password: "" },
    validate: {
      current_password: (value) => (value ? null : t("password.needed")),
      new_password: (value) =>
        value.length < MIN_PASSWORD ? t("auth.passwordShort", { count: MIN_PASSWORD }) : null,
    },
  });
  const placed = change.error && formErrors(change.error, FIELDS).allPlaced;
  const toggle = { "aria-label": t("auth.showPassword") };

  async function submit(values: typeof form.values) {
    try {
      await change.mutateAsync(values);
      form.reset();
      notify({ message: t("password.changed") });
    } catch (error) {
      form.setErrors(formErrors(error, FIELDS).byField);
    }
  }

  return (
    <form onSubmit={form.onSubmit(submit)} noValidate>
      <Stack maw={420}>
        {change.error && !placed && <ErrorAlert error={change.error} />}
        <input type="hidden" autoComplete="username" value={user?.email ?? ""} readOnly />
        <PasswordInput
          label={t("password.current")}
          autoComplete="current-password"
          required
          visibilityToggleButtonProps={toggle}
          {...form.getInputProps("current_password")}
        />
        <PasswordInput
          label={t("password.new")}
          description={t("auth.passwordHelp", { count: MIN_PASSWORD })}
          autoComplete="new-password"
          required
          visibilityToggleButtonProps={toggle}
          {...form.getInputProps("new_password")}
        />
        <Button type="submit" loading={change.isPending} style={{ alignSelf: "flex-start" }}>
          {t("password.change")}
        </Button>
      </Stack>
    </form>
  );
}
