import { type CSSVariablesResolver, createTheme, type MantineColorsTuple } from "@mantine/core";

const tide: MantineColorsTuple = [
  "#edfaf8",
  "#d5f2ee",
  "#a9e4dc",
  "#79d3c8",
  "#4fc0b3",
  "#2fa99c",
  "#178f83",
  "#0f766e",
  "#0c5f59",
  "#084844",
];

/** Mantine's dark greys with a little of the brand's blue-green, so that fields and surfaces go together. */
const dark: MantineColorsTuple = [
  "#d3dadd",
  "#b3bdc2",
  "#8d999f",
  "#66737a",
  "#3c474d",
  "#2f383d",
  "#242b30",
  "#1b2124",
  "#14181b",
  "#101416",
];

const SURFACE = { background: "var(--cbm-surface)" };

export const theme = createTheme({
  colors: { tide, dark },
  components: {
    Notification: { styles: { description: { color: "var(--mantine-color-dimmed)" } } },
    Modal: { styles: { content: SURFACE, header: SURFACE } },
    Drawer: { styles: { content: SURFACE, header: SURFACE } },
  },
  primaryColor: "tide",
  primaryShade: { light: 7, dark: 7 },
  defaultRadius: "md",
  cursorType: "pointer",
  fontFamily:
    'Inter, system-ui, -apple-system, "Segoe UI", Roboto, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", sans-serif',
  fontFamilyMonospace:
    'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
  headings: {
    fontWeight: "650",
    sizes: { h1: { fontSize: "1.5rem" }, h2: { fontSize: "1.125rem" }, h3: { fontSize: "1rem" } },
  },
});

/** Mantine's grey and light shades miss WCAG AA's contrast of 4.5; these keep it in both schemes. */
export const cssVariablesResolver: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-body": "#f7f8f8",
    "--mantine-color-dimmed": "#59636b",
    "--mantine-color-placeholder": "#6b757d",
    "--mantine-color-error": "#c4262e",
    "--mantine-color-red-light-color": "#a61e25",
    "--mantine-color-orange-light-color": "#9a4a00",
    "--mantine-color-yellow-light-color": "#7a4f00",
    "--mantine-color-green-light-color": "#1f6b34",
    "--mantine-color-blue-light-color": "#155a9c",
    "--mantine-color-gray-light-color": "#3d464d",
    "--mantine-color-red-filled": "#c4262e",
    "--mantine-color-red-filled-hover": "#a61e25",
    "--cbm-surface": "#ffffff",
    "--cbm-border": "#dfe3e6",
    "--cbm-sunken": "#f1f3f4",
    "--cbm-violet": "#6741d9",
  },
  dark: {
    "--mantine-color-body": "#121517",
    "--mantine-color-dimmed": "#9aa5ad",
    "--mantine-color-placeholder": "#848f98",
    "--mantine-color-error": "#ff8787",
    "--mantine-color-red-filled": "#c4262e",
    "--mantine-color-red-filled-hover": "#a61e25",
    "--mantine-color-orange-light": "#3a2a17",
    "--mantine-color-orange-light-color": "#ffc078",
    "--mantine-color-red-light": "#3b2023",
    "--mantine-color-red-light-color": "#ffa8a8",
    "--mantine-color-green-light": "#1a3023",
    "--mantine-color-green-light-color": "#8ce99a",
    "--cbm-surface": "#1b2124",
    "--cbm-border": "#2e3439",
    "--cbm-sunken": "#15191c",
    "--cbm-violet": "#b197fc",
  },
});
