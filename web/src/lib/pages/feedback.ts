/** Adds up what people thought of answers. */

import type { Feedback } from "$lib/api/operating";

/** How often each model's answers were found good or bad, the most rated first. */
export function sumsOf(all: Feedback[]): [string, { up: number; down: number }][] {
  const found = new Map<string, { up: number; down: number }>();
  for (const { model, rating } of all) {
    const sum = found.get(model ?? "–") ?? { up: 0, down: 0 };
    sum[rating] += 1;
    found.set(model ?? "–", sum);
  }
  return [...found].sort(([, a], [, b]) => b.up + b.down - a.up - a.down);
}
