const STORED_AT = "mantine-color-scheme-value";

/** Puts the scheme on the page before anything is drawn, so that the dark one does not flash white. */
export function preferColorScheme(): void {
  const stored = localStorage.getItem(STORED_AT);
  const dark =
    stored === "dark" || (stored !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.mantineColorScheme = dark ? "dark" : "light";
}
