/** Amounts of a statement: never through a float, so that both sides read the same digits. */

import { numberSigns } from "$lib/format.svelte";

const LEAST = 2;
const PLACES = 9;

/** Decimals as the reader writes numbers, aligned; with all nine places where they are `exact`. */
export function exactly(amounts: string[], exact: boolean): string[] {
  const parts = amounts.map((amount) => {
    const [whole = "0", rest = ""] = amount.split(".");
    return { whole, rest: rest.replace(/0+$/, "") };
  });
  const needed = Math.max(LEAST, ...parts.map(({ rest }) => rest.length));
  const digits = exact ? PLACES : needed;
  const { decimal, group } = numberSigns();
  return parts.map(({ whole, rest }) => whole.replace(/\B(?=(\d{3})+$)/g, group) + decimal + rest.padEnd(digits, "0"));
}
