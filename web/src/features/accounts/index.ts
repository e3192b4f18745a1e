export { AccountPage } from "./AccountPage";
export { SignInPage } from "./SignInPage";
export { SignUpPage } from "./SignUpPage";
export { saveLocale, signOut, useIsAdmin, useUser } from "./user";
