export { SignInPage as default } from "@/features/accounts";
