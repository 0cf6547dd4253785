/** Amounts of one column, with as many digits as the most precise needs, so that the decimals align. */

import { number } from "$lib/format.svelte";

/** `amounts` (decimals) as the reader writes numbers; at least `least` digits after the decimal sign. */
export function aligned(amounts: string[], least = 2): string[] {
  const digits = Math.max(least, ...amounts.map((amount) => amount.replace(/0+$/, "").split(".")[1]?.length ?? 0));
  return amounts.map((amount) => padded(number(Number(amount), digits), amount, digits));
}

function padded(text: string, amount: string, digits: number): string {
  // Formatted without trailing zeros; the reader's own decimal sign is that of a number that has one.
  const sign = number(1.5, 1).replace(/\d/g, "");
  const shown = amount.includes(".") ? amount.replace(/0+$/, "").split(".")[1]!.length : 0;
  if (digits === 0) return text;
  return shown === 0 ? text + sign + "0".repeat(digits) : text + "0".repeat(digits - shown);
}
