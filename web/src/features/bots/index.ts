export { BotPage } from "./BotPage";
export { NewBotPage } from "./form/NewBotPage";
export { IsolationWarning } from "./IsolationWarning";
export { BotListPage } from "./list/BotListPage";
export { RemovedBotsPage } from "./list/RemovedBotsPage";
