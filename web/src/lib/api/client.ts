/**
 * The one module that calls the API. It adds what cookies need against forged requests, and turns
 * every failure into an `ApiError`. It knows nothing of pages.
 */

const BASE = "/api/v1";

/** What went wrong. `status` is 0 and `code` "offline" when no answer came at all. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly param: string | null = null,
    readonly retryAfterS: number | null = null,
    readonly body: unknown = null,
  ) {
    super(message);
  }

  get isOffline(): boolean {
    return this.status === 0;
  }
}

let onSignedOut: () => void = () => {};

/** `then` is called whenever an answer says that nobody is signed in any more. */
export function whenSignedOut(then: () => void): void {
  onSignedOut = then;
}

interface Options {
  signal?: AbortSignal;
  query?: Record<string, string | number | boolean | null | undefined>;
  headers?: Record<string, string>;
}

/** The full address of `path` (which begins with "/") with its query. */
export function address(path: string, query: Options["query"] = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined) search.set(name, String(value));
  }
  const text = search.toString();
  return BASE + path + (text ? `?${text}` : "");
}

/** Ask, and return the response once its head is there; throws `ApiError` unless it went well. */
export async function request(
  method: string,
  path: string,
  body?: unknown,
  options: Options = {},
): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json", ...options.headers };
  if (method !== "GET") headers["x-tramontane"] = "1";
  let payload: BodyInit | null = null;
  if (body instanceof Blob) {
    payload = body;
  } else if (body !== undefined) {
    headers["content-type"] = "application/json";
    payload = JSON.stringify(body);
  }
  let response: Response;
  try {
    response = await fetch(address(path, options.query), {
      method,
      headers,
      body: payload,
      credentials: "same-origin",
      signal: options.signal ?? null,
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "offline", "The server did not answer.");
  }
  if (response.ok) return response;
  const failure = await failureOf(response);
  if (response.status === 401 && failure.code !== "invalid_credentials") onSignedOut();
  throw failure;
}

async function failureOf(response: Response): Promise<ApiError> {
  const said: unknown = await response.json().catch(() => null);
  const error = (said as { error?: Record<string, unknown> } | null)?.error ?? {};
  const after = Number(response.headers.get("retry-after"));
  return new ApiError(
    response.status,
    String(error.code ?? error.type ?? `http_${response.status}`),
    String(error.message ?? `${response.status} ${response.statusText}`),
    typeof error.param === "string" ? error.param : null,
    Number.isFinite(after) && after > 0 ? after : null,
    said,
  );
}

async function answer<T>(
  method: string,
  path: string,
  body?: unknown,
  options?: Options,
): Promise<T> {
  const response = await request(method, path, body, options);
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}

/** The API, one function a method; each returns the answer's JSON. */
export const api = {
  get: <T>(path: string, query?: Options["query"], signal?: AbortSignal) =>
    answer<T>("GET", path, undefined, { query, ...(signal ? { signal } : {}) }),
  post: <T>(path: string, body?: unknown, options?: Options) => answer<T>("POST", path, body, options),
  patch: <T>(path: string, body: unknown) => answer<T>("PATCH", path, body),
  put: <T>(path: string, body?: unknown) => answer<T>("PUT", path, body),
  delete: (path: string) => answer<void>("DELETE", path),
};

/** Let the browser save what `path` answers. */
export async function download(path: string, name: string, query?: Options["query"]): Promise<void> {
  const response = await request("GET", path, undefined, { query, headers: { accept: "*/*" } });
  save(await response.blob(), name);
}

/** Let the browser save `blob` as a file called `name`. */
export function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** A title as the name of a file, without its ending. */
export function fileName(title: string | null): string {
  return (title ?? "").replace(/[\\/:*?"<>|\p{Cc}]+/gu, " ").trim().slice(0, 80) || "tramontane";
}
