/** Months of statements, as bills count them: by UTC. */

import { currentLanguage } from "$lib/i18n/index.svelte";

/** The present month: "2026-11". */
export function thisMonth(now = new Date()): string {
  return now.toISOString().slice(0, 7);
}

/** The last `count` months, the present one first. */
export function recentMonths(count: number, now = new Date()): string[] {
  return Array.from({ length: count }, (_, back) =>
    new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - back, 1)).toISOString().slice(0, 7),
  );
}

/** "November 2026", in the reader's language. */
export function monthTitle(month: string): string {
  const format = new Intl.DateTimeFormat(currentLanguage(), { month: "long", year: "numeric", timeZone: "UTC" });
  return format.format(new Date(`${month}-01T00:00:00Z`));
}
