/**
 * How the cells of a column are written: in the reader's notation, under each other by their
 * decimals. It knows values and types, nothing of the page.
 */

import type { Cell, ColumnType } from "$lib/api/types";
import { date, exactNumber, moment } from "$lib/format.svelte";
import { currentLanguage, t } from "$lib/i18n/index.svelte";

export interface Written {
  text: string;
  /** Invisible digits that bring the decimals of a column under each other. */
  room: string;
}

/** Writes the cells of one column. */
export type Writer = (cell: Cell) => Written;

const YEARS = /\b(?:year|jahr|ann[ée]e|an|a[nñ]o|anno)\b/i;
const MOST_DIGITS = 6;

/** The writer for a column called `name` that holds `cells`. */
export function writer(name: string, type: ColumnType, cells: readonly Cell[]): Writer {
  const known = cells.filter((cell) => cell !== null && cell !== "");
  if (type === "number") return numbers(name, known);
  if (type === "truth") return (cell) => plain(cell === null ? "" : t(isTrue(cell) ? "truthYes" : "truthNo"));
  if (type === "date" || type === "moment") return moments(type, known.map(String));
  return (cell) => plain(cell === null ? "" : String(cell));
}

/** A single value as text. */
export function written(cell: Cell, type: ColumnType): string {
  return writer("", type, [cell])(cell).text;
}

/** Whether a column of numbers is made of years, which have no groups of digits. */
export function areYears(name: string, cells: readonly Cell[]): boolean {
  return YEARS.test(name.replaceAll("_", " ")) && cells.length > 0 && cells.every((cell) => Number.isInteger(Number(cell)) && Number(cell) >= 1000 && Number(cell) <= 2200);
}

function plain(text: string): Written {
  return { text, room: "" };
}

function isTrue(cell: Cell): boolean {
  return cell === true || cell === "true" || cell === 1;
}

function numbers(name: string, cells: readonly Cell[]): Writer {
  if (areYears(name, cells)) return (cell) => plain(cell === null ? "" : String(cell));
  const cap = digitsWorthShowing(cells);
  const most = Math.max(0, ...cells.map((cell) => Math.min(cap, digitsOf(cell))));
  return (cell) => {
    if (cell === null || cell === "") return plain("");
    const value = Number(cell);
    if (!Number.isFinite(value)) return plain(String(cell));
    const text = exactNumber(cell as number | string, Math.min(cap, most));
    const missing = most - shownDigits(cell, cap);
    const has = missing < most;
    // A figure space is as wide as a digit, a punctuation space as the decimal sign.
    return { text, room: missing > 0 ? (has ? "" : "\u2008") + "\u2007".repeat(missing) : "" };
  };
}

/** Two decimals, or so many that the smallest value still has two digits. */
function digitsWorthShowing(cells: readonly Cell[]): number {
  const sizes = cells.map((cell) => Math.abs(Number(cell))).filter((size) => size > 0 && Number.isFinite(size));
  if (!sizes.length) return 2;
  const most = Math.max(...cells.map(digitsOf));
  if (most <= 4) return most;
  const smallest = Math.min(...sizes);
  return Math.min(MOST_DIGITS, Math.max(2, 1 - Math.floor(Math.log10(smallest))));
}

function digitsOf(cell: Cell): number {
  const text = typeof cell === "number" ? plainNumber(cell) : String(cell);
  return /\.(\d+)/.exec(text)?.[1]?.length ?? 0;
}

function shownDigits(cell: Cell, cap: number): number {
  const rounded = Number(cell).toFixed(Math.min(cap, digitsOf(cell)));
  return /\.(\d*?)0*$/.exec(rounded)?.[1]?.length ?? 0;
}

function plainNumber(value: number): string {
  const text = String(value);
  return text.includes("e") ? value.toFixed(20).replace(/0+$/, "") : text;
}

function moments(type: "date" | "moment", cells: readonly string[]): Writer {
  const days = cells.map((cell) => /^(\d{4})-(\d\d)-(\d\d)(?:[T ]([\d:.]+))?/.exec(cell));
  const isMonthly = cells.length > 1 && days.every((day) => day && day[3] === "01" && (!day[4] || /^[0:.]+$/.test(day[4])));
  const isYearly = isMonthly && days.every((day) => day![2] === "01");
  return (cell) => {
    if (cell === null) return plain("");
    const text = String(cell);
    const day = /^(\d{4})-(\d\d)-(\d\d)/.exec(text);
    if (!day) return plain(text);
    if (isYearly) return plain(day[1]!);
    // Noon, so that no time zone makes it the day before.
    const at = `${day[0]}T12:00:00`;
    if (isMonthly) return plain(new Intl.DateTimeFormat(currentLanguage(), { month: "short", year: "numeric" }).format(new Date(at)));
    if (type === "date" || /[T ][0:.]+$/.test(text)) return plain(date(at, "medium"));
    return plain(moment(text.replace(" ", "T")));
  };
}

/** How two cells of a column stand to each other; what is empty comes last. */
export function comparing(type: ColumnType): (a: Cell, b: Cell) => number {
  const words = new Intl.Collator(currentLanguage(), { numeric: true, sensitivity: "base" });
  return (a, b) => (type === "number" ? Number(a) - Number(b) : words.compare(String(a), String(b)));
}
