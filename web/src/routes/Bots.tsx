export { BotListPage as default } from "@/features/bots";
