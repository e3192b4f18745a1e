export { RemovedBotsPage as default } from "@/features/bots";
