/** What of a usage report is shown: by whom or what, in which time, counted how. Pure. */

import type { UsageLine } from "$lib/api/operating";
import { DAY_MS, nano } from "./spend";

export const SPANS = ["today", "7d", "30d", "90d", "month", "last_month"] as const;
export type Span = (typeof SPANS)[number];
export const DIMENSIONS = ["model", "project", "member", "key", "provider", "day"] as const;
export type Dimension = (typeof DIMENSIONS)[number];
export const MEASURES = ["cost", "tokens", "requests"] as const;
export type Measure = (typeof MEASURES)[number];

/** What `value` is of `all`, or the first choice. */
export function chosen<T extends string>(all: readonly T[], value: string | null, first: T): T {
  return all.find((one) => one === value) ?? first;
}

/** How much of `measure` a line holds: whole billionths for money, else a count. */
export function amount(line: UsageLine, measure: Measure): bigint {
  if (measure === "cost") return nano(line.cost);
  return BigInt(measure === "tokens" ? line.prompt_tokens + line.completion_tokens : line.requests);
}

/** What is counted where nobody has said: money, where anything cost any. */
export function usual(total: UsageLine): Measure {
  return nano(total.cost) > 0n ? "cost" : "tokens";
}

/** The days (UTC midnight) from `since` up to, not including, `until`; without one, up to today. */
export function daysOf(since: string | null, until: string | null, now = Date.now()): Date[] {
  const today = Math.floor(now / DAY_MS);
  const first = since === null ? today : Math.floor(Date.parse(since) / DAY_MS);
  const end = until === null ? today + 1 : Math.floor(Date.parse(until) / DAY_MS);
  return Array.from({ length: Math.max(0, end - first) }, (_, at) => new Date((first + at) * DAY_MS));
}

export interface Group {
  name: string;
  /** Of each day. */
  values: number[];
  total: number;
  /** Of all. */
  share: number;
}

/** The lines as `most` groups by day, the largest first, the others as one at the end. */
export function stacked(lines: UsageLine[], nameOf: (line: UsageLine) => string, days: Date[], measure: Measure, most: number, others: string): Group[] {
  const places = new Map(days.map((day, at) => [day.toISOString().slice(0, 10), at]));
  const sums = new Map<string, bigint[]>();
  for (const line of lines) {
    const at = places.get(line.day ?? "");
    if (at === undefined) continue;
    const name = nameOf(line);
    let values = sums.get(name);
    if (!values) sums.set(name, (values = days.map(() => 0n)));
    values[at]! += amount(line, measure);
  }
  const totals = [...sums].map(([name, values]) => ({ name, values, total: values.reduce((a, b) => a + b, 0n) }));
  totals.sort((a, b) => (b.total > a.total ? 1 : b.total < a.total ? -1 : a.name.localeCompare(b.name)));
  const kept = totals.length > most ? totals.slice(0, most - 1) : totals;
  const rest = totals.slice(kept.length);
  if (rest.length) {
    const values = days.map((_, at) => rest.reduce((sum, { values: of }) => sum + of[at]!, 0n));
    kept.push({ name: others, values, total: values.reduce((a, b) => a + b, 0n) });
  }
  const all = totals.reduce((sum, { total }) => sum + total, 0n);
  const unit = measure === "cost" ? 1e9 : 1;
  return kept.map(({ name, values, total }) => ({
    name,
    values: values.map((value) => Number(value) / unit),
    total: Number(total) / unit,
    share: all === 0n ? 0 : Number((total * 10_000n) / all) / 10_000,
  }));
}

export type Trend = "rising" | "falling" | "steady" | null;

/**
 * Where a row of days leads: the mean of its later half beside that of its earlier half, a quarter
 * more or a fifth less being a change. Null where too few days were used to say.
 */
export function trendOf(values: number[]): Trend {
  const half = Math.floor(values.length / 2);
  if (half < 3 || values.filter((value) => value > 0).length < 4) return null;
  const mean = (part: number[]) => part.reduce((sum, value) => sum + value, 0) / part.length;
  const before = mean(values.slice(0, half));
  const after = mean(values.slice(-half));
  if (after > before * 1.25) return "rising";
  return after < before * 0.8 ? "falling" : "steady";
}
