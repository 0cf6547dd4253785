// The API as this page asks it. It knows nothing of the page.

/** An answer that is no 2xx, in the API's own words. */
export class ApiError extends Error {
  constructor(status, error, headers) {
    super(error.message || `HTTP ${status}`);
    this.status = status;
    this.code = error.code || error.type || "";
    this.requestId = headers.get("x-request-id");
    this.retryAfterS = Number(headers.get("retry-after")) || null;
  }
}

/** The server could not be reached, or left in the middle of an answer. */
export class Gone extends Error {}

/** Return the answer of an address of this origin, whatever its status. Throws Gone. */
export async function fetched(path, options) {
  try {
    return await fetch(path, { cache: "no-store", credentials: "omit", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Gone(path);
  }
}

/** Return the error that an answer holds. */
export async function refusal(response) {
  const body = await response.json().catch(() => null);
  return new ApiError(response.status, body?.error ?? {}, response.headers);
}

/** Return the public state of the platform; it is also given with a status of 503. Throws Gone. */
export async function ready() {
  const response = await fetched("/ready");
  const body = await response.json().catch(() => null);
  if (!body?.status) throw new Gone("/ready");
  return body;
}

/** Return the JSON at a path of the own API. Throws ApiError, Gone. */
export async function read(key, path) {
  const headers = { authorization: `Bearer ${key}` };
  const response = await fetched(`/api/v1${path}`, { headers });
  if (!response.ok) throw await refusal(response);
  return response.json().catch(() => {
    throw new Gone(path);
  });
}
