/**
 * What the catalogue answered last. It stays while one looks at a card, so that the way back shows the
 * same rows at the same place at once; they are asked for again all the same.
 */

import { findModels, type Found, type Summary } from "$lib/api/catalogue";
import { PAGE } from "./filters";

class Results {
  found = $state.raw<Found | null>(null);
  rows = $state.raw<Summary[]>([]);
  error = $state.raw<unknown>(null);
  isLoading = $state(false);
  /** More rows are on their way. */
  isAdding = $state(false);
  /** How far the page was scrolled when it was left. */
  top = 0;
  #key = "";
  #turn = 0;
  #asking: AbortController | null = null;

  /** The list as it was left, filters and all. */
  address = $state("#/catalogue");

  /** Whether this is what `key` (who asks, and what) was answered. */
  isOf(key: string): boolean {
    return this.found !== null && this.#key === key;
  }

  /** Ask `query`; of several the last counts, the others are broken off. Never throws. */
  async ask(query: URLSearchParams, key: string): Promise<void> {
    const turn = ++this.#turn;
    this.#asking?.abort();
    this.#asking = new AbortController();
    this.isLoading = true;
    this.isAdding = false;
    // The rows of before, again: else the way back would end at the first page.
    const count = this.isOf(key) ? Math.max(PAGE, this.rows.length) : PAGE;
    try {
      const found = await findModels(paged(query, count, 0), this.#asking.signal);
      if (turn !== this.#turn) return;
      if (!this.isOf(key)) this.top = 0;
      [this.found, this.rows, this.error, this.#key] = [found, found.data, null, key];
    } catch (error) {
      if (turn === this.#turn) this.error = error;
    } finally {
      if (turn === this.#turn) this.isLoading = false;
    }
  }

  /** Have the next rows of the same question, too. */
  async more(query: URLSearchParams): Promise<void> {
    const turn = this.#turn;
    this.isAdding = true;
    try {
      const { data } = await findModels(paged(query, PAGE, this.rows.length));
      if (turn !== this.#turn) return;
      const known = new Set(this.rows.map(({ id }) => id));
      [this.rows, this.error] = [[...this.rows, ...data.filter(({ id }) => !known.has(id))], null];
    } catch (error) {
      if (turn === this.#turn) this.error = error;
    } finally {
      if (turn === this.#turn) this.isAdding = false;
    }
  }
}

function paged(query: URLSearchParams, limit: number, offset: number): URLSearchParams {
  const next = new URLSearchParams(query);
  next.set("limit", String(limit));
  if (offset) next.set("offset", String(offset));
  return next;
}

export const results = new Results();
