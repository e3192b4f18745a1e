export { UsagePage } from "./UsagePage";
export { UsageTable } from "./UsageTable";
