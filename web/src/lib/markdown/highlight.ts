/** Colours code, in a worker that is fetched when the first code is complete. */

import { startWorker } from "$lib/workers";
import workerAddress from "./highlight.worker?worker&url";

/** What the worker answers: pieces of the text in order, each with its class or none. */
export type Pieces = [text: string, kind: string][];

const LONGEST = 120_000;
const SLICE = 1500;

let worker: Worker | null = null;
let next = 1;
const waiting = new Map<number, (pieces: Pieces | null) => void>();
const pending = new Set<Promise<void>>();

/** Colour `code` as its `data-language` says; leaves it as it is where that is unknown. */
export function highlight(code: HTMLElement): Promise<void> {
  const language = code.dataset.language ?? "";
  const text = code.textContent ?? "";
  if (!language || !text.trim() || text.length > LONGEST || code.dataset.done) return Promise.resolve();
  code.dataset.done = "1";
  const done = ask(language, text).then(async (pieces) => {
    if (pieces && code.textContent === text) await paint(code, pieces);
  });
  pending.add(done);
  void done.finally(() => pending.delete(done));
  return done;
}

/** Resolves when nothing waits to be coloured. */
export async function highlighted(): Promise<void> {
  while (pending.size) await Promise.all(pending);
}

function ask(language: string, text: string): Promise<Pieces | null> {
  worker ??= start();
  const id = next++;
  return new Promise((resolve) => {
    waiting.set(id, resolve);
    worker!.postMessage({ id, language, text });
  });
}

function start(): Worker {
  const made = startWorker(workerAddress);
  made.onmessage = ({ data }: MessageEvent<{ id: number; pieces: Pieces | null }>) => {
    waiting.get(data.id)?.(data.pieces);
    waiting.delete(data.id);
  };
  made.onerror = () => {
    for (const resolve of waiting.values()) resolve(null);
    waiting.clear();
  };
  return made;
}

async function paint(code: HTMLElement, pieces: Pieces): Promise<void> {
  const fragment = document.createDocumentFragment();
  for (let at = 0; at < pieces.length; at += SLICE) {
    for (const [text, kind] of pieces.slice(at, at + SLICE)) {
      if (!kind) {
        fragment.append(text);
      } else {
        const span = document.createElement("span");
        span.className = kind;
        span.textContent = text;
        fragment.append(span);
      }
    }
    if (at + SLICE < pieces.length) await new Promise((resolve) => setTimeout(resolve));
  }
  code.replaceChildren(fragment);
}
