/** Highest prices as people type them, and why one cannot be looked for. What rates there are only the server knows. */

import { ApiError } from "$lib/api/client";
import { number } from "$lib/format.svelte";
import { t } from "$lib/i18n/index.svelte";
import { problem } from "$lib/problem";

const SIGNS: Record<string, string> = { "€": "EUR", $: "USD", "£": "GBP", "¥": "JPY", zł: "PLN", "₹": "INR" };
const CURRENCY = "[€$£¥₹]|zł|[a-z]{3}";
const PRICE = new RegExp(`^(${CURRENCY})?\\s*(\\d+(?:[.,]\\d{1,9})?)\\s*(${CURRENCY})?$`, "i");
/** A million tokens; the catalogue compares none above it. */
const MOST = 10_000;

interface Price {
  amount: string;
  /** Empty: the platform's own. */
  code: string;
}

/** The price that `text` says, "1,5 EUR" or "$2"; null where it says none. */
function read(text: string, currency: string): Price | null {
  const found = PRICE.exec(text.trim());
  if (!found || (found[1] && found[3])) return null;
  const said = found[1] ?? found[3];
  const code = said ? (SIGNS[said.toLowerCase()] ?? said.toUpperCase()) : "";
  const amount = found[2]!.replace(",", ".");
  return Number(amount) > MOST ? null : { amount, code: code === currency ? "" : code };
}

/** What to ask for: "1.5", of another than the platform's `currency` "2 CHF"; null where `text` is no price. */
export function priceAsked(text: string, currency: string): string | null {
  const price = read(text, currency);
  return price && [price.amount, price.code].filter(Boolean).join(" ");
}

/** An asked price for the reader: "1,5 EUR". */
export function priceWritten(asked: string, currency: string): string {
  const price = read(asked, currency);
  return price ? `${number(Number(price.amount), 9)} ${price.code || currency}` : asked;
}

/** What to write instead of what is no price. */
export function priceWrong(currency: string): string {
  const example = number(1.5, 1);
  return t("catPriceWrong", { one: example, other: `${example} ${currency}`.trim(), most: number(MOST) });
}

/** Why the price `asked` was refused; empty unless `error` is about it. */
export function priceRefused(error: unknown, asked: string, currency: string): string {
  if (!(error instanceof ApiError) || error.param !== "max_price") return "";
  const price = read(asked, currency);
  if (!price) return priceWrong(currency);
  return price.code && currency ? t("catPriceRate", { other: price.code, currency }) : problem(error);
}
