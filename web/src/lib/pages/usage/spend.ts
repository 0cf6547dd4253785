/** Adds up lines of a usage report. Money is added in whole billionths, never as floats. */

import type { UsageLine } from "$lib/api/operating";

const NANO = 1_000_000_000n;
export const DAY_MS = 86_400_000;

export interface Sum {
  requests: number;
  prompt: number;
  completion: number;
  nano: bigint;
}

/** A decimal such as "0.0015" in billionths. */
export function nano(decimal: string): bigint {
  const [whole = "0", part = ""] = decimal.split(".");
  return BigInt(whole) * NANO + BigInt((part + "000000000").slice(0, 9));
}

/** Billionths as a decimal. */
export function decimal(amount: bigint): string {
  const part = (amount % NANO).toString().padStart(9, "0").replace(/0+$/, "");
  return part ? `${amount / NANO}.${part}` : String(amount / NANO);
}

/** The sums of `lines` by what `keyOf` says of each, the dearest first. */
export function sums(lines: UsageLine[], keyOf: (line: UsageLine) => string): [string, Sum][] {
  const found = new Map<string, Sum>();
  for (const line of lines) {
    const key = keyOf(line);
    const sum = found.get(key) ?? { requests: 0, prompt: 0, completion: 0, nano: 0n };
    sum.requests += line.requests;
    sum.prompt += line.prompt_tokens;
    sum.completion += line.completion_tokens;
    sum.nano += nano(line.cost);
    found.set(key, sum);
  }
  return [...found].sort(([, a], [, b]) => (b.nano > a.nano ? 1 : b.nano < a.nano ? -1 : b.prompt - a.prompt));
}

/** The next of 1, 2, 4, 5, 6, 8, 10, 20 … that is at least `most`: where a scale ends. */
export function niceTop(most: number): number {
  if (most <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 4, 5, 6, 8, 10].map((step) => step * power).find((top) => top >= most * 0.999_999) ?? 10 * power;
}
