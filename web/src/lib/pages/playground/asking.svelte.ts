/** One model's answer in the playground: asked, followed, stopped, and what it took and cost. */

import { api, ApiError } from "$lib/api/client";
import type { Bill } from "$lib/api/operating";
import { askModel, type PlayEnd, type PlayEvent, type PlayRequest, type Whereabouts } from "$lib/api/playground";
import type { Failure } from "$lib/api/types";
import { explanation } from "$lib/chat/failure";
import { problem } from "$lib/problem";

export type Phase = "idle" | "asked" | "queued" | "writing" | "done" | "stopped" | "failed";

export interface Call {
  name: string;
  arguments: string;
}

// A bill is exact at once, but travels through the metering journal before it can be read.
const WAITS_MS = [800, 700, 900, 1500, 2500, 4000];

export class Answer {
  phase = $state<Phase>("idle");
  text = $state("");
  reasoning = $state("");
  calls = $state.raw<Call[]>([]);
  queue = $state.raw<{ position: number; eta_s: number } | null>(null);
  where = $state.raw<Whereabouts | null>(null);
  end = $state.raw<PlayEnd | null>(null);
  bill = $state.raw<Bill | null>(null);
  failure = $state.raw<unknown>(null);
  #running: AbortController | null = null;

  constructor(readonly model: string) {}

  get isRunning(): boolean {
    return this.phase === "asked" || this.phase === "queued" || this.phase === "writing";
  }

  /** What is wrong, in the reader's words where there are any. */
  get wrong(): string {
    const error = this.failure;
    if (!error) return "";
    return error instanceof ApiError && !error.isOffline ? (this.#explained ?? error.message) : problem(error);
  }

  /** What the gateway says of it, which names what to change; empty where `wrong` says that. */
  get detail(): string {
    return this.#explained && this.failure instanceof ApiError ? this.failure.message : "";
  }

  get #explained(): string | null {
    const error = this.failure;
    if (!(error instanceof ApiError)) return null;
    const said = (error.body as { error?: Partial<Failure> } | null)?.error;
    return explanation({ ...said, code: error.code });
  }

  /** Whether something stands here that can be judged. */
  get hasSpoken(): boolean {
    return (this.phase === "done" || this.phase === "stopped") && (this.text !== "" || this.calls.length > 0);
  }

  /** Ask. Never throws: `phase` and `failure` hold how it ended. */
  async ask(projectId: string, asked: PlayRequest): Promise<void> {
    this.stop();
    const mine = new AbortController();
    this.#running = mine;
    [this.text, this.reasoning, this.calls, this.phase] = ["", "", [], "asked"];
    [this.queue, this.where, this.end, this.bill, this.failure] = [null, null, null, null, null];
    try {
      await askModel(projectId, this.model, asked, mine.signal, (event) => {
        if (this.#running === mine) this.#take(event);
      });
      if (this.#running !== mine) return;
      this.phase = "done";
    } catch (error) {
      if (this.#running !== mine) return;
      this.phase = mine.signal.aborted ? "stopped" : "failed";
      if (!mine.signal.aborted) this.failure = error;
    }
    await this.#settle(mine);
  }

  /** End it with what has come. */
  stop(): void {
    if (this.isRunning) this.#running?.abort();
  }

  /** Nothing more is shown here. */
  leave(): void {
    const running = this.#running;
    this.#running = null;
    running?.abort();
  }

  #take(event: PlayEvent): void {
    switch (event.type) {
      case "queued":
        [this.phase, this.queue] = ["queued", event.data];
        break;
      case "opened":
        [this.phase, this.queue, this.where] = ["asked", null, event.data];
        break;
      case "delta":
        this.phase = "writing";
        this.text += event.data.text ?? "";
        this.reasoning += event.data.reasoning ?? "";
        for (const { index, name, arguments: more } of event.data.tool_calls ?? []) {
          const calls = [...this.calls];
          const call = calls[index] ?? { name: "", arguments: "" };
          calls[index] = { name: name ?? call.name, arguments: call.arguments + more };
          this.calls = calls;
        }
        break;
      case "end":
        this.end = event.data;
        break;
    }
  }

  async #settle(mine: AbortController): Promise<void> {
    const id = this.where?.request_id;
    if (!id) return;
    for (const wait of WAITS_MS) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      if (this.#running !== mine) return;
      const found = await api.get<Bill>(`/usage/${encodeURIComponent(id)}`).catch(() => null);
      if (this.#running !== mine) return;
      if (found) {
        this.bill = found;
        return;
      }
    }
  }
}
