export { BotPage as default } from "@/features/bots";
