/** Something that is asked of the API and shown: what came, or why it did not, and whether it is asked again. */

export class Resource<T> {
  /** The last answer; it stays while a newer one is on its way, or did not come. */
  value = $state.raw<T | undefined>(undefined);
  error = $state.raw<unknown>(null);
  isLoading = $state(true);
  #ask: () => Promise<T>;
  #turn = 0;

  constructor(ask: () => Promise<T>) {
    this.#ask = ask;
    void this.load();
  }

  /** Ask; of several at once the last counts. Never throws: `error` holds what went wrong. */
  async load(): Promise<void> {
    const turn = ++this.#turn;
    this.isLoading = true;
    try {
      const value = await this.#ask();
      if (turn === this.#turn) [this.value, this.error] = [value, null];
    } catch (error) {
      if (turn === this.#turn) this.error = error;
    } finally {
      if (turn === this.#turn) this.isLoading = false;
    }
  }
}
