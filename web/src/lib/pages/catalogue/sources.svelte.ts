/** The catalogue's sources by their ids, fetched once: evidence names them. */

import type { CatalogueSource, Sources } from "$lib/api/catalogue";
import { api } from "$lib/api/client";

let all = $state.raw<Map<string, CatalogueSource>>(new Map());
let asking: Promise<void> | null = null;

/** Have them; where they cannot be had, evidence shows their ids. */
export function loadSources(): Promise<void> {
  asking ??= api.get<Sources>("/catalog/sources").then(
    ({ data }) => void (all = new Map(data.map((source) => [source.id, source]))),
    () => void (asking = null),
  );
  return asking;
}

export function sourceTitle(id: string): string {
  return all.get(id)?.title ?? id;
}

export function sourceDate(id: string): string | null {
  return all.get(id)?.date ?? null;
}
