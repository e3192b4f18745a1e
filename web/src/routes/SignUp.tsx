export { SignUpPage as default } from "@/features/accounts";
