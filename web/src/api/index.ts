export { api, send, unwrap } from "./client";
export { ApiError, asApiError, toApiError } from "./problem";
export { session } from "./session";
export { systemQuery } from "./system";
export type * from "./types";
