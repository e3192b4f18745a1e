export const BOT_TABS = [
  "overview",
  "chat",
  "settings",
  "logs",
  "history",
  "diagnose",
  "backups",
  "tokens",
  "usage",
] as const;
export type BotTab = (typeof BOT_TABS)[number];
