export { BotListPage } from "./BotListPage";
export { BotPage } from "./BotPage";
export { IsolationWarning } from "./IsolationWarning";
export { NewBotPage } from "./NewBotPage";
