import { Anchor, Button, PasswordInput, Stack, TextInput } from "@mantine/core";
import { useForm } from "@mantine/form";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useRouter, useSearch } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";
import { api, systemQuery, unwrap } from "@/api";
import { ErrorAlert } from "@/components";
import { AuthLayout } from "./AuthLayout";
import { enter } from "./user";

export function SignInPage() {
  const { t } = useTranslation();
  const router = useRouter();
  const { next } = useSearch({ from: "/sign-in" });
  const system = useQuery(systemQuery);
  const form = useForm({ initialValues: { email: "", password: "" } });
  const signIn = useMutation({
    mutationFn: (body: typeof form.values) => unwrap(api.POST("/api/auth/sign-in", { body })),
    onSuccess: async (started) => {
      await enter(started);
      router.history.replace(next ?? "/bots");
    },
  });

  return (
    <AuthLayout
      title={t("auth.signIn")}
      below={
        system.data?.sign_up_open && (
          <>
            {t("auth.noAccount")}{" "}
            <Anchor component={Link} to="/sign-up" underline="always">
              {t("auth.signUp")}
            </Anchor>
          </>
        )
      }
    >
      <form onSubmit={form.onSubmit((values) => signIn.mutate(values))}>
        <Stack>
          {system.error && <ErrorAlert error={system.error} onRetry={() => system.refetch()} />}
          {signIn.error && <ErrorAlert error={signIn.error} title={t("auth.signInFailed")} />}
          <TextInput
            label={t("auth.email")}
            type="email"
            autoComplete="username"
            required
            autoFocus
            {...form.getInputProps("email")}
          />
          <PasswordInput
            label={t("auth.password")}
            autoComplete="current-password"
            required
            visibilityToggleButtonProps={{ "aria-label": t("auth.showPassword") }}
            {...form.getInputProps("password")}
          />
          <Button type="submit" fullWidth loading={signIn.isPending}>
            {t("auth.signIn")}
          </Button>
        </Stack>
      </form>
    </AuthLayout>
  );
}
