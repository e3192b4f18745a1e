export { UsagePage as default } from "@/features/usage";
