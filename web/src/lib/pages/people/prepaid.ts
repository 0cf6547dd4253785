/** Amounts that are paid in, and names of projects, as people enter them. */

import { number } from "$lib/format.svelte";
import { t } from "$lib/i18n/index.svelte";

/** The most of one payment: beyond it, a zero too many is likelier. */
const MOST = 1_000_000;

/** What a project may be called. */
export const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** "1 250,50" as the API takes it: "1250.50". */
export function amountOf(text: string): string {
  return text.replace(/\s/g, "").replace(",", ".");
}

/** What is wrong with an amount; empty where nothing is. */
export function amountProblem(text: string): string {
  const amount = amountOf(text);
  if (!/^\d+(\.\d{1,9})?$/.test(amount)) return t("amountWrong");
  return Number(amount) > 0 && Number(amount) <= MOST ? "" : t("amountRange", { most: number(MOST) });
}
