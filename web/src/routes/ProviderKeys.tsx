export { KeyListPage as default } from "@/features/keys";
