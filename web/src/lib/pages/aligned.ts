/** Amounts of one column, with as many digits as the most precise needs, so that the decimals align. */

import { number } from "$lib/format.svelte";

const LEAST = 2;
/** Money is counted in billionths. */
export const PLACES = 9;
/** Of an amount of one and more, nobody reads further. */
export const ENOUGH = 4;

/** `amounts` (decimals) as the reader writes numbers, all with as many digits after the decimal sign. */
export function aligned(amounts: string[]): string[] {
  const given = amounts.map((amount) => amount.split(".")[1]?.replace(/0+$/, "").length ?? 0);
  const most = amounts.some((amount) => Number(amount) >= 1) ? ENOUGH : PLACES;
  const digits = Math.min(most, Math.max(LEAST, ...given));
  return amounts.map((amount) => padded(number(Number(amount), digits), digits));
}

function padded(text: string, digits: number): string {
  // Formatted without trailing zeros; the reader's own decimal sign is that of a number that has one.
  const sign = number(1.5, 1).replace(/\d/g, "");
  const at = text.lastIndexOf(sign);
  const shown = at < 0 ? 0 : text.length - at - sign.length;
  return text + (at < 0 ? sign : "") + "0".repeat(digits - shown);
}
