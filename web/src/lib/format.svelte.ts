/**
 * Numbers, money and moments in the reader's own notation and language. Pure functions over two
 * settings: the language shown and, where the reader chose one, how numbers are written.
 */

import { currentLanguage, t, writeNumbersBy } from "./i18n/index.svelte";

const NOTATIONS: Record<string, string> = { "1 234,5": "fr-FR", "1.234,5": "de-DE", "1,234.5": "en-GB" };
const LOCALES: Record<string, string> = { fr: "fr-FR", de: "de-DE", es: "es-ES", it: "it-IT", en: "en-GB" };

let notation = $state<string | null>(null);

/** Write numbers as in `chosen`, one of "1 234,5", "1.234,5", "1,234.5"; null: as the language does. */
export function setNotation(chosen: string | null | undefined): void {
  notation = chosen ?? null;
}

function numberLocale(): string {
  return NOTATIONS[notation ?? ""] ?? dateLocale();
}

function dateLocale(): string {
  return LOCALES[currentLanguage()] ?? "en-GB";
}

const formatters = new Map<string, Intl.NumberFormat>();

function formatter(options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = numberLocale() + JSON.stringify(options);
  let found = formatters.get(key);
  if (!found) {
    // "always": four digits are grouped, too, as in a column of numbers they must be.
    found = new Intl.NumberFormat(numberLocale(), { useGrouping: "always", ...options } as Intl.NumberFormatOptions);
    formatters.set(key, found);
  }
  return found;
}

/** A number; `digits` after the decimal sign at the most (0 unless told). */
export function number(value: number, digits = 0): string {
  return formatter({ maximumFractionDigits: digits }).format(value);
}

/** A number of any length, which may be given by its digits; `digits` after the sign at the most. */
export function exactNumber(value: number | string, digits: number): string {
  return formatter({ maximumFractionDigits: digits }).format(value as number);
}

/** The signs of the reader's notation. */
export function numberSigns(): { decimal: string; group: string } {
  const parts = formatter({ minimumFractionDigits: 1 }).formatToParts(12345.6);
  const sign = (type: string) => parts.find((part) => part.type === type)?.value ?? "";
  return { decimal: sign("decimal"), group: sign("group") };
}

/** A share of 1 as a percentage; with `least` digits after the decimal sign, so that a column aligns. */
export function percent(share: number, digits = 0, least = 0): string {
  return formatter({ style: "percent", minimumFractionDigits: least, maximumFractionDigits: digits }).format(share);
}

/** An amount as precise as it is small: "0.0000135 USD" keeps two significant digits, "12.50" cents. */
export function money(amount: string | number, currency: string): string {
  const value = Number(amount);
  const size = Math.abs(value);
  const small = size > 0 && size < 0.1;
  const digits = small ? Math.min(9, 1 - Math.floor(Math.log10(size))) : 2;
  return formatter({
    style: "currency",
    currency,
    currencyDisplay: "narrowSymbol",
    minimumFractionDigits: Math.min(2, digits),
    maximumFractionDigits: digits,
  }).format(value);
}

/** A decimal amount with every digit that it has, cents at the least; of nine at the most unless told. */
export function exactMoney(amount: string, currency: string, most = 9): string {
  const digits = amount.split(".")[1]?.replace(/0+$/, "").length ?? 0;
  const options = { style: "currency", currency, currencyDisplay: "narrowSymbol" } as const;
  // By its digits: a float would make others of them.
  return formatter({ ...options, minimumFractionDigits: 2, maximumFractionDigits: Math.max(2, Math.min(most, digits)) }).format(amount as never);
}

/** Bytes with a unit: "3.4 MB". */
export function bytes(size: number): string {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];
  const power = size < 1 ? 0 : Math.min(4, Math.floor(Math.log10(size) / 3));
  const unit = units[power]!;
  return formatter({ style: "unit", unit, unitDisplay: "short", maximumFractionDigits: power ? 1 : 0 }).format(
    size / 1000 ** power,
  );
}

/** A length of time, short enough for a line: "20 ms", "3.8 s", "3 min", "2 h". */
export function duration(seconds: number): string {
  const [value, unit, digits] =
    seconds < 0.9995 ? ([seconds * 1000, "ms", 0] as const)
    : seconds < 10 ? ([seconds, "s", 1] as const)
    : seconds < 90 ? ([seconds, "s", 0] as const)
    : seconds < 5400 ? ([seconds / 60, "min", 0] as const)
    : ([seconds / 3600, "h", 1] as const);
  return `${number(value, digits)}\u00a0${unit}`;
}

/** "12th", "12e", "12.": a place in a row. */
export function ordinal(value: number): string {
  switch (currentLanguage()) {
    case "en": {
      const form = new Intl.PluralRules("en", { type: "ordinal" }).select(value);
      return `${value}${{ one: "st", two: "nd", few: "rd" }[form as "one" | "two" | "few"] ?? "th"}`;
    }
    case "fr":
      return value === 1 ? "1er" : `${value}e`;
    case "de":
      return `${value}.`;
    case "es":
    case "it":
      return `${value}º`;
  }
}

/** A date: "22 November 2026", or shorter. */
export function date(moment: string | number | Date, style: "long" | "medium" | "short" = "long"): string {
  return new Intl.DateTimeFormat(dateLocale(), { dateStyle: style }).format(new Date(moment));
}

/** The time of day: "14:05". */
export function time(moment: string | number | Date): string {
  return new Intl.DateTimeFormat(dateLocale(), { hour: "2-digit", minute: "2-digit" }).format(new Date(moment));
}

/** Date and time. */
export function moment(at: string | number | Date): string {
  return new Intl.DateTimeFormat(dateLocale(), { dateStyle: "medium", timeStyle: "short" }).format(new Date(at));
}

/** The heading a day's conversations stand under: today, yesterday, this week's weekday, month, year. */
export function dayGroup(at: string, now = new Date()): string {
  const then = new Date(at);
  const days = Math.round((midnight(now) - midnight(then)) / 86_400_000);
  if (days <= 0) return t("today");
  if (days === 1) return t("yesterday");
  const sameYear = then.getFullYear() === now.getFullYear();
  const options: Intl.DateTimeFormatOptions =
    days < 7 ? { weekday: "long" } : sameYear ? { month: "long" } : { month: "long", year: "numeric" };
  const text = new Intl.DateTimeFormat(dateLocale(), options).format(then);
  return text.charAt(0).toLocaleUpperCase(dateLocale()) + text.slice(1);
}

/** How long ago: "3 minutes ago", "yesterday". */
export function ago(at: string | number, now = Date.now()): string {
  const seconds = (new Date(at).getTime() - now) / 1000;
  const words = new Intl.RelativeTimeFormat(dateLocale(), { numeric: "auto" });
  for (const [unit, size] of [["day", 86_400], ["hour", 3600], ["minute", 60]] as const) {
    if (Math.abs(seconds) >= size) return words.format(Math.round(seconds / size), unit);
  }
  return words.format(0, "minute") === "this minute" ? t("justNow") : words.format(0, "minute");
}

function midnight(at: Date): number {
  return new Date(at.getFullYear(), at.getMonth(), at.getDate()).getTime();
}

writeNumbersBy((value) => number(value, 2));
