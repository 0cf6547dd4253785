/** The API as somebody asks it who has a key and no account. The key is kept for this tab only. */

import { address, ApiError } from "./client";

const KEPT = "tramontane.key";

export type Query = Record<string, string | number | null | undefined>;
/** Asks `path` and returns the answer's JSON; throws ApiError. */
export type Read = <T>(path: string, query?: Query) => Promise<T>;

/** How `key` reads. */
export function reader(key: string): Read {
  return async <T>(path: string, query: Query = {}) => {
    const response = await askWith(key, address(path, query));
    return (await response.json()) as T;
  };
}

/** The response to a request that `key` signs; no cookie goes with it. Throws ApiError, AbortError. */
export async function askWith(key: string, url: string, options: RequestInit = {}): Promise<Response> {
  const headers = { ...(options.headers as Record<string, string>), authorization: `Bearer ${key}` };
  let response: Response;
  try {
    response = await fetch(url, { ...options, headers, credentials: "omit", cache: "no-store" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "offline", "The server did not answer.");
  }
  if (response.ok) return response;
  const body = (await response.json().catch(() => null)) as { error?: Record<string, string | null> } | null;
  const after = Number(response.headers.get("retry-after"));
  throw new ApiError(
    response.status,
    body?.error?.code ?? `http_${response.status}`,
    body?.error?.message ?? `${response.status}`,
    body?.error?.param ?? null,
    after > 0 ? after : null,
    body,
  );
}

/** The key in what somebody pasted, an `export` line or a header perhaps; empty where there is none. */
export function keyIn(pasted: string): string {
  return /tmt_[A-Za-z0-9_]+/.exec(pasted)?.[0] ?? "";
}

/** The key of this tab. */
export function keptKey(): string {
  return sessionStorage.getItem(KEPT) ?? "";
}

export function keepKey(key: string): void {
  if (key) sessionStorage.setItem(KEPT, key);
  else sessionStorage.removeItem(KEPT);
}
