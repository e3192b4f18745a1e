export type FieldProblem = { field: string; code: string; detail: string };

/** An answer of the API that is not a success, or no answer at all (`status` 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly traceId: string | null = null,
    readonly fields: readonly FieldProblem[] = [],
    readonly params: Readonly<Record<string, unknown>> = {},
  ) {
    super(detail || code);
    this.name = "ApiError";
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function fieldProblems(value: unknown): FieldProblem[] {
  if (!Array.isArray(value)) return [];
  return value
    .filter(isRecord)
    .map((item) => ({ field: text(item.field), code: text(item.code), detail: text(item.detail) }));
}

/** Reads a problem document; anything else (a proxy's HTML page, say) becomes a plain HTTP error. */
export function toApiError(status: number, body: unknown): ApiError {
  if (!isRecord(body) || typeof body.code !== "string") {
    return new ApiError(status, status === 0 ? "network" : "http_error", "", null, [], { status });
  }
  return new ApiError(
    status,
    body.code,
    text(body.detail),
    text(body.trace_id) || null,
    fieldProblems(body.errors),
    { ...(isRecord(body.params) ? body.params : {}), status },
  );
}

export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  // `fetch` rejects with a TypeError when there is no connection.
  if (error instanceof TypeError) return toApiError(0, null);
  return new ApiError(0, "unexpected", error instanceof Error ? error.message : String(error));
}
