import i18n from "i18next";
import { initReactI18next } from "react-i18next";

export const LOCALES = { en: "English", "zh-CN": "简体中文" } as const;
export type Locale = keyof typeof LOCALES;

const STORED_AT = "cbm-locale";
const bundles: Record<Locale, () => Promise<{ default: object }>> = {
  en: () => import("../locales/en.json"),
  "zh-CN": () => import("../locales/zh-CN.json"),
};

export function isLocale(value: unknown): value is Locale {
  return typeof value === "string" && value in LOCALES;
}

export function preferredLocale(): Locale {
  const stored = localStorage.getItem(STORED_AT);
  if (isLocale(stored)) return stored;
  return navigator.languages.some((tag) => tag.toLowerCase().startsWith("zh")) ? "zh-CN" : "en";
}

export function currentLocale(): Locale {
  return isLocale(i18n.language) ? i18n.language : "en";
}

/** True when somebody chose a language on this device. */
export function hasChosenLocale(): boolean {
  return isLocale(localStorage.getItem(STORED_AT));
}

export async function setLocale(locale: Locale, { remember = true } = {}): Promise<void> {
  if (remember) localStorage.setItem(STORED_AT, locale);
  if (!i18n.hasResourceBundle(locale, "translation")) {
    i18n.addResourceBundle(locale, "translation", (await bundles[locale]()).default);
  }
  await i18n.changeLanguage(locale);
  document.documentElement.lang = locale;
}

export async function startI18n(): Promise<void> {
  await i18n.use(initReactI18next).init({
    resources: {},
    lng: preferredLocale(),
    fallbackLng: false,
    interpolation: { escapeValue: false },
    returnNull: false,
  });
  await setLocale(preferredLocale(), { remember: false });
}

export { i18n };
