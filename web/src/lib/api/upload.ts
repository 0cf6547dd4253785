/** Sends a file and says how much of it has gone, which `fetch` cannot. */

import { address, ApiError } from "./client";

/** Send `file` to `path`; `onShare` is told the share that is sent, from 0 to 1. Throws ApiError. */
export function upload<T>(
  path: string,
  file: Blob,
  onShare: (share: number) => void,
  signal: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const ask = new XMLHttpRequest();
    ask.open("POST", address(path));
    ask.setRequestHeader("x-tramontane", "1");
    ask.setRequestHeader("accept", "application/json");
    ask.setRequestHeader("content-type", file.type || "application/octet-stream");
    ask.responseType = "json";
    ask.upload.onprogress = (event) => event.lengthComputable && onShare(event.loaded / event.total);
    ask.upload.onload = () => onShare(1);
    ask.onerror = () => reject(new ApiError(0, "offline", "The server did not answer."));
    ask.onabort = () => reject(new DOMException("stopped", "AbortError"));
    ask.onload = () => {
      if (ask.status >= 200 && ask.status < 300) resolve(ask.response as T);
      else reject(refusal(ask));
    };
    signal.addEventListener("abort", () => ask.abort());
    ask.send(file);
  });
}

function refusal(ask: XMLHttpRequest): ApiError {
  const body = ask.response as { error?: { code?: string; message?: string; param?: string | null } } | null;
  const error = body?.error ?? {};
  return new ApiError(ask.status, error.code ?? `http_${ask.status}`, error.message ?? String(ask.status), error.param ?? null);
}
