export { KeyFormDialog } from "./KeyFormDialog";
export { KeyListPage } from "./KeyListPage";
export { KeysBadge } from "./KeysAttention";
export { keyModelsQuery, keysQuery, useAddSimulatedKey, vendorsQuery } from "./queries";
export { useVendorName, vendorOptions } from "./vendors";
