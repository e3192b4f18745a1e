export { NewBotPage as default } from "@/features/bots";
