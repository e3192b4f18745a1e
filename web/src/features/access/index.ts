export { ApiTokensPage } from "./ApiTokensPage";
