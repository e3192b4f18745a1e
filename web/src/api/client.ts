import createClient, { type ClientOptions } from "openapi-fetch";
import { asApiError, toApiError } from "./problem";
import type { paths } from "./schema";
import { session } from "./session";

const options: ClientOptions = {
  baseUrl: globalThis.location?.origin ?? "",
  fetch: (request) => session.authFetch(request),
};

/** The typed client. Wrap calls in `unwrap` to get the data or an `ApiError`. */
export const api = createClient<paths>(options);

type Answer<T> = { data?: T; error?: unknown; response: Response };

export async function unwrap<T>(call: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await call;
  } catch (error) {
    throw asApiError(error);
  }
  if (!answer.response.ok) throw toApiError(answer.response.status, answer.error);
  return answer.data as T;
}

/** For what is not a JSON document: archives and streams. Gives the answer of a success; throws an `ApiError` else. */
export async function send(path: string, init?: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await session.authFetch(path, init);
  } catch (error) {
    if (init?.signal?.aborted) throw error;
    throw asApiError(error);
  }
  if (!response.ok) throw toApiError(response.status, await response.json().catch(() => null));
  return response;
}
