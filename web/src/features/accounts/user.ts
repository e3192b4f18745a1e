import { useSyncExternalStore } from "react";
import { api, type Session, session, type User, unwrap } from "@/api";
import { hasChosenLocale, type Locale, setLocale } from "@/lib/i18n";

export function useUser(): User | null {
  return useSyncExternalStore(session.subscribe, () => session.state.user);
}

export function useIsAdmin(): boolean {
  return useUser()?.role === "admin";
}

/** Begins a session. The account's language is taken over unless this device was told another. */
export async function enter(started: Session): Promise<void> {
  session.accept(started);
  if (!hasChosenLocale()) await setLocale(started.user.locale, { remember: false });
}

/** Remembers the language in the account as well; a failure of that is no reason to bother anyone. */
export async function saveLocale(locale: Locale): Promise<void> {
  try {
    session.updateUser(await unwrap(api.PATCH("/api/user/me", { body: { locale } })));
  } catch {
    // This device remembers it.
  }
}

export async function signOut(): Promise<void> {
  try {
    await unwrap(api.POST("/api/auth/sign-out"));
  } finally {
    session.clear();
  }
}
