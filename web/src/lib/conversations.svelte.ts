/** The member's conversations as the list shows them: fetched by pages, kept current by their feed. */

import { api } from "./api/client";
import { follow, type Feed } from "./api/feed";
import type { Summary } from "./api/types";

const PAGE = 60;

interface Answer {
  data: Summary[];
  next: string | null;
}

class Conversations {
  /** Newest first; archived and temporary ones are not among them. */
  all = $state.raw<Summary[]>([]);
  state = $state<"loading" | "ready" | "failed">("loading");
  isLive = $state(true);
  #next: string | null = null;
  #isFetching = false;
  #feed: Feed | null = null;
  #listeners = new Set<(id: string) => void>();

  /** Begin; harmless when begun already. */
  async start(): Promise<void> {
    if (this.#feed) return;
    this.#feed = follow("/events", {
      onEvent: ({ type, data }) => {
        if (type === "conversation") this.put(data as Summary);
        else if (type === "deleted") this.remove((data as { id: string }).id);
      },
      onState: (state) => {
        const wasLost = !this.isLive;
        this.isLive = state === "open";
        if (wasLost && this.isLive) void this.#refresh();
      },
    });
    await this.#refresh();
  }

  /** Forget everything: somebody else may sign in. */
  stop(): void {
    this.#feed?.close();
    this.#feed = null;
    this.all = [];
    this.#next = null;
    this.state = "loading";
  }

  get hasMore(): boolean {
    return this.#next !== null;
  }

  /** Fetch what is older. */
  async more(): Promise<void> {
    if (this.#next === null || this.#isFetching) return;
    this.#isFetching = true;
    try {
      this.#add(await api.get<Answer>("/conversations", { limit: PAGE, cursor: this.#next }));
    } catch {
      // What is there stays; scrolling on asks again.
    } finally {
      this.#isFetching = false;
    }
  }

  /** Show `summary` as it now is, wherever it belongs. */
  put(summary: Summary): void {
    const rest = this.all.filter((other) => other.id !== summary.id);
    const belongs = !summary.archived_at && !summary.is_temporary && summary.is_mine;
    this.all = belongs ? sorted([...rest, summary]) : rest;
  }

  remove(id: string): void {
    this.all = this.all.filter((summary) => summary.id !== id);
    for (const listener of this.#listeners) listener(id);
  }

  /** Be told of the id of each conversation that is deleted; returns how to stop that. */
  onDeleted(listener: (id: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Change one, here at once and at the server; puts it back and throws where that fails. */
  async change(summary: Summary, changes: Record<string, unknown>, shown: Partial<Summary>): Promise<Summary> {
    this.put({ ...summary, ...shown });
    try {
      const changed = await api.patch<Summary>(`/conversations/${summary.id}`, changes);
      this.put(changed);
      return changed;
    } catch (error) {
      this.put(summary);
      throw error;
    }
  }

  async delete(summary: Summary): Promise<void> {
    await api.delete(`/conversations/${summary.id}`);
    this.remove(summary.id);
  }

  async #refresh(): Promise<void> {
    try {
      const answer = await api.get<Answer>("/conversations", { limit: PAGE });
      this.#next = null;
      this.all = [];
      this.#add(answer);
      this.state = "ready";
    } catch {
      if (this.state === "loading") this.state = "failed";
    }
  }

  #add(answer: Answer): void {
    const known = new Set(answer.data.map((summary) => summary.id));
    this.all = sorted([...this.all.filter((summary) => !known.has(summary.id)), ...answer.data]);
    this.#next = answer.next;
  }
}

function sorted(list: Summary[]): Summary[] {
  return list.sort((a, b) => (a.updated_at < b.updated_at ? 1 : a.updated_at > b.updated_at ? -1 : 0));
}

export const conversations = new Conversations();
