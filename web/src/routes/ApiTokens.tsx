export { ApiTokensPage as default } from "@/features/access";
