import { Alert, Anchor, Button, PasswordInput, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { IconTerminal2 } from "@tabler/icons-react";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useRouter, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { api, asApiError, systemQuery, unwrap } from "@/api";
import { ErrorAlert } from "@/components";
import { formErrors } from "@/lib/errors";
import { currentLocale } from "@/lib/i18n";
import { AuthLayout } from "./AuthLayout";
import { MIN_PASSWORD } from "./password";
import { setupTokenFrom } from "./setupToken";
import { enter } from "./user";

export function SignUpPage() {
  const { t } = useTranslation();
  const router = useRouter();
  const queryClient = useQueryClient();
  const { setup } = useSearch({ from: "/sign-up" });
  const system = useQuery(systemQuery);
  const form = useForm({
    initialValues: { email: "", nickname: "", password: "", setup_token: "" },
    validate: {
      password: (value) =>
        value.length < MIN_PASSWORD ? t("auth.passwordShort", { count: MIN_PASSWORD }) : null,
    },
  });
  const asksToken = system.data?.needs_setup === true && !setup;
  const signUp = useMutation({
    mutationFn: ({ email, password, nickname, setup_token }: typeof form.values) =>
      unwrap(
        api.POST("/api/auth/sign-up", {
          body: {
            email,
            password,
            locale: currentLocale(),
            nickname: nickname.trim() || null,
            setup_token: setup ?? (setupTokenFrom(setup_token) || null),
          },
        }),
      ),
    onSuccess: async (started) => {
      await enter(started);
      await queryClient.invalidateQueries(systemQuery);
      router.history.replace("/bots");
    },
    onError: (error) => form.setErrors(formErrors(error, Object.keys(form.values)).byField),
  });
  const placed = signUp.error && formErrors(signUp.error, Object.keys(form.values)).allPlaced;
  const closed = system.data && !system.data.sign_up_open && !system.data.needs_setup && !setup;

  return (
    <AuthLayout
      title={system.data?.needs_setup ? t("auth.firstAccount") : t("auth.signUp")}
      below={
        !system.data?.needs_setup && (
          <>
            {t("auth.haveAccount")}{" "}
            <Anchor component={Link} to="/sign-in" underline="always">
              {t("auth.signIn")}
            </Anchor>
          </>
        )
      }
    >
      <form onSubmit={form.onSubmit((values) => signUp.mutate(values))}>
        <Stack>
          {system.error && <ErrorAlert error={system.error} onRetry={() => system.refetch()} />}
          {closed && <Alert color="orange">{t("problem.sign_up_closed")}</Alert>}
          {signUp.error && !placed && <ErrorAlert error={signUp.error} title={t("auth.signUpFailed")} />}
          {asksToken && (
            <Alert icon={<IconTerminal2 aria-hidden="true" />} title={t("auth.setupTitle")}>
              {t("auth.setupText")}
            </Alert>
          )}
          {(asksToken ||
            (signUp.error && asApiError(signUp.error).code === "setup_token_required" && !setup)) && (
            <TextInput
              label={t("auth.setupToken")}
              description={t("auth.setupTokenHelp")}
              autoComplete="off"
              spellCheck={false}
              required
              {...form.getInputProps("setup_token")}
            />
          )}
          <TextInput
            label={t("auth.email")}
            type="email"
            autoComplete="username"
            required
            {...form.getInputProps("email")}
          />
          <TextInput label={t("auth.nickname")} autoComplete="nickname" {...form.getInputProps("nickname")} />
          <PasswordInput
            label={t("auth.password")}
            description={t("auth.passwordHelp", { count: MIN_PASSWORD })}
            autoComplete="new-password"
            required
            visibilityToggleButtonProps={{ "aria-label": t("auth.showPassword") }}
            {...form.getInputProps("password")}
          />
          <Button type="submit" fullWidth loading={signUp.isPending}>
            {t("auth.create")}
          </Button>
        </Stack>
      </form>
    </AuthLayout>
  );
}
