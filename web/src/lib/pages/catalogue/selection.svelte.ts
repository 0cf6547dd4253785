/** The models chosen for comparison; they stay while one goes from the list to cards and back. */

import { COMPARED_MOST } from "$lib/api/catalogue";

interface Chosen {
  id: string;
  name: string;
}

class Selection {
  all = $state.raw<Chosen[]>([]);

  get isFull(): boolean {
    return this.all.length >= COMPARED_MOST;
  }

  has(id: string): boolean {
    return this.all.some((chosen) => chosen.id === id);
  }

  /** Choose it, or no longer; what does not fit any more is not chosen. */
  toggle(id: string, name: string): void {
    if (this.has(id)) this.all = this.all.filter((chosen) => chosen.id !== id);
    else if (!this.isFull) this.all = [...this.all, { id, name }];
  }

  clear(): void {
    this.all = [];
  }
}

export const selection = new Selection();

/** Where `ids` stand side by side. */
export function comparisonPath(ids: string[]): string {
  return `/catalogue/compare?${ids.map((id) => `id=${encodeURIComponent(id)}`).join("&")}`;
}
