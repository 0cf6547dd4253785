/** Places and kinds of documents in the reader's words. */

import type { PageLabel } from "$lib/api/types";
import { t, type Key } from "$lib/i18n/index.svelte";

const PLACES: Record<PageLabel, Key> = { page: "atPage", slide: "atSlide", sheet: "atSheet", part: "atPart" };

/** "page 12", "slide 3". */
export function placeName(label: PageLabel, page: number): string {
  return t(PLACES[label] ?? "atPage", { number: String(page) });
}
