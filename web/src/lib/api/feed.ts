/**
 * Follows a stream of server-sent events and takes it up again where it broke, by the last id.
 * A hidden tab lets go (a browser has six connections per server) and comes back when it is seen.
 * It knows nothing of what the events mean.
 */

import { ApiError, request } from "./client";

export interface FeedEvent {
  id: string | null;
  type: string;
  data: unknown;
}

export interface Feed {
  close(): void;
}

interface Follower {
  /** Called for each event, in order. */
  onEvent(event: FeedEvent): void;
  /** "open" when events flow, "lost" while the server cannot be reached. */
  onState?(state: "open" | "lost"): void;
  /** Called when the server says that there is nothing to follow (4xx); no more attempts. */
  onRefused?(error: ApiError): void;
}

/** A connection without a word for so long is taken for dead; the server speaks every 15 s. */
const SILENCE_MS = 40_000;
const HIDDEN_MS = 20_000;

/** Follow `path` from after the event `lastId`, until closed. */
export function follow(path: string, follower: Follower, lastId: string | null = null): Feed {
  let last = lastId;
  let failures = 0;
  let running: AbortController | null = null;
  let waiting: ReturnType<typeof setTimeout> | undefined;
  let hiding: ReturnType<typeof setTimeout> | undefined;
  let isClosed = false;

  async function run(): Promise<void> {
    clearTimeout(waiting);
    const mine = new AbortController();
    running?.abort();
    running = mine;
    let silence: ReturnType<typeof setTimeout> | undefined;
    const listen = () => {
      clearTimeout(silence);
      silence = setTimeout(() => mine.abort(), SILENCE_MS);
    };
    try {
      listen();
      const headers: Record<string, string> = { accept: "text/event-stream" };
      if (last !== null) headers["last-event-id"] = last;
      const response = await request("GET", path, undefined, { headers, signal: mine.signal });
      failures = 0;
      follower.onState?.("open");
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
      const parser = new EventParser();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        listen();
        for (const event of parser.push(value)) {
          if (isClosed || running !== mine) return;
          if (event.id !== null) last = event.id;
          follower.onEvent(event);
        }
      }
    } catch (error) {
      if (error instanceof ApiError && error.status >= 400 && error.status < 500 && error.status !== 429) {
        if (!isClosed) follower.onRefused?.(error);
        close();
        return;
      }
    } finally {
      clearTimeout(silence);
      mine.abort();
    }
    if (isClosed || running !== mine) return;
    running = null;
    if (document.hidden && hiding === undefined) return;
    follower.onState?.("lost");
    failures += 1;
    const delay = Math.min(10_000, 250 * 2 ** Math.min(failures, 6)) * (0.75 + Math.random() / 2);
    waiting = setTimeout(() => void run(), delay);
  }

  function onVisibility(): void {
    clearTimeout(hiding);
    hiding = undefined;
    if (document.hidden) {
      hiding = setTimeout(() => {
        hiding = undefined;
        clearTimeout(waiting);
        const letGo = running;
        running = null;
        letGo?.abort();
      }, HIDDEN_MS);
    } else if (running === null) {
      void run();
    }
  }

  function onOnline(): void {
    if (running === null && !document.hidden) void run();
  }

  function close(): void {
    isClosed = true;
    clearTimeout(waiting);
    clearTimeout(hiding);
    running?.abort();
    document.removeEventListener("visibilitychange", onVisibility);
    window.removeEventListener("online", onOnline);
  }

  document.addEventListener("visibilitychange", onVisibility);
  window.addEventListener("online", onOnline);
  void run();
  return { close };
}

/** Cuts a stream of text into events, wherever its pieces end. */
export class EventParser {
  #rest = "";
  #id: string | null = null;
  #type = "message";
  #data: string[] = [];

  /** Returns the events that `text` completes. An event whose data is no JSON is dropped. */
  push(text: string): FeedEvent[] {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop()!;
    const events: FeedEvent[] = [];
    for (const raw of lines) {
      const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
      if (line === "") {
        const event = this.#end();
        if (event) events.push(event);
      } else {
        this.#field(line);
      }
    }
    return events;
  }

  #field(line: string): void {
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const rest = colon < 0 ? "" : line.slice(colon + 1);
    const value = rest.startsWith(" ") ? rest.slice(1) : rest;
    if (name === "data") this.#data.push(value);
    else if (name === "event") this.#type = value;
    else if (name === "id") this.#id = value;
  }

  #end(): FeedEvent | null {
    const [type, data, id] = [this.#type, this.#data, this.#id];
    [this.#type, this.#data, this.#id] = ["message", [], null];
    if (data.length === 0) return null;
    try {
      return { id, type, data: JSON.parse(data.join("\n")) as unknown };
    } catch {
      return null;
    }
  }
}
