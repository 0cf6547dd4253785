// Streams of tokens, as this page reads them. It knows nothing of the page.

import { ApiError, Gone, fetched, refusal } from "./client.js";

/**
 * Ask for a chat completion and yield what comes, in order:
 * {head: Headers} · {queued: {position, etaS}} · {text} · {finish} · {usage}.
 * Throws ApiError for a refusal, before or inside the stream, and Gone where it breaks off.
 */
export async function* completion(key, body, signal) {
  const response = await fetched("/v1/chat/completions", {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ ...body, stream: true, stream_options: { include_usage: true } }),
    signal,
  });
  if (!response.ok) throw await refusal(response);
  yield { head: response.headers };
  for await (const { comment, data } of events(response.body)) {
    if (data === "[DONE]") return;
    if (data !== undefined) yield* chunk(data, response);
    const queued = comment && queuedOf(comment);
    if (queued) yield { queued };
  }
  throw new Gone("stream");
}

function* chunk(data, response) {
  let parsed;
  try {
    parsed = JSON.parse(data);
  } catch {
    throw new Gone("stream");
  }
  if (parsed.error) throw new ApiError(response.status, parsed.error, response.headers);
  const choice = parsed.choices?.[0];
  if (choice?.delta?.content) yield { text: choice.delta.content };
  if (choice?.finish_reason) yield { finish: choice.finish_reason };
  if (parsed.usage) yield { usage: parsed.usage };
}

/** Return what a comment such as "queued position=12 eta_s=8" says, or null. */
function queuedOf(comment) {
  const match = /^\s*queued position=(\d+)(?: eta_s=(\d+))?/.exec(comment);
  return match && { position: Number(match[1]), etaS: match[2] ? Number(match[2]) : null };
}

/** Yield the {data} and {comment}s of server-sent events, however they are cut into reads. */
export async function* events(stream) {
  let data = [];
  for await (const line of lines(stream)) {
    if (line === "") {
      if (data.length) yield { data: data.join("\n") };
      data = [];
    } else if (line.startsWith(":")) {
      yield { comment: line.slice(1) };
    } else if (line.startsWith("data:")) {
      data.push(line.slice(line[5] === " " ? 6 : 5));
    }
  }
}

async function* lines(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const parts = (rest + value).split("\n");
      rest = parts.pop();
      for (const line of parts) yield line.endsWith("\r") ? line.slice(0, -1) : line;
    }
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Gone("stream");
  } finally {
    reader.cancel().catch(() => {}); // it may have broken already
  }
}
