/**
 * The words of the interface. Each language is a folder of dictionaries: `core` (the shell and the
 * conversation), `pages` (the pages beside it), `documents` and `tables` (what answers about these
 * need), `providers` (who serves models, and independence of them), `catalogue`, `market` (models offered
 * to other projects, statements), `playground` and `operating` (usage, engines), each fetched with the
 * first thing that needs it. English says which words there are; the other languages are held to it
 * by their type.
 */

import type catalogue from "./en/catalogue";
import type core from "./en/core";
import type documents from "./en/documents";
import type market from "./en/market";
import type operating from "./en/operating";
import type pages from "./en/pages";
import type playground from "./en/playground";
import type providers from "./en/providers";
import type tables from "./en/tables";

export const LANGUAGES = ["fr", "de", "es", "it", "en"] as const;
export type Language = (typeof LANGUAGES)[number];

/** What each language calls itself. */
export const NAMES: Record<Language, string> = {
  fr: "Français",
  de: "Deutsch",
  es: "Español",
  it: "Italiano",
  en: "English",
};

/** A text, or one by number: `t("members", { count: 3 })`; `{count}` is then written as numbers are. */
export type Text = string | { one: string; many?: string; other: string };

/** The type that makes a dictionary complete. */
export type Translation<English> = {
  [K in keyof English]: English[K] extends string ? string : { one: string; many?: string; other: string };
};

export type Key =
  | keyof typeof catalogue
  | keyof typeof core
  | keyof typeof documents
  | keyof typeof market
  | keyof typeof operating
  | keyof typeof pages
  | keyof typeof playground
  | keyof typeof providers
  | keyof typeof tables;
export type Part = "catalogue" | "core" | "documents" | "market" | "operating" | "pages" | "playground" | "providers" | "tables";
type Dictionary = Record<string, Text>;

const loaders = import.meta.glob<{ default: Dictionary }>("./*/*.ts");

let language = $state<Language>("en");
let words = $state.raw<Dictionary>({});
const inUse = new Set<Part>(["core"]);
let shown: ReadonlySet<Part> = new Set();
let wanted: Language = "en";
let plural = new Intl.PluralRules("en");
let writeNumber: (value: number) => string = String;

/** How `{count}` is written; `format` sets it, so that this module need not know notations. */
export function writeNumbersBy(write: (value: number) => string): void {
  writeNumber = write;
}

/** The language now shown. */
export function currentLanguage(): Language {
  return language;
}

/** The nearest language that we have to what a browser or a member asks for. */
export function nearest(wanted: readonly string[]): Language {
  for (const tag of wanted) {
    const base = tag.toLowerCase().split("-")[0];
    const found = LANGUAGES.find((have) => have === base);
    if (found) return found;
  }
  return "en";
}

/** Show another language, with every dictionary that is in use. */
export async function setLanguage(next: Language): Promise<void> {
  wanted = next;
  for (;;) {
    const parts = [...inUse];
    const dictionaries = await Promise.all(parts.map((part) => fetchPart(next, part)));
    if (wanted !== next) return; // another was asked for meanwhile
    if (parts.length < inUse.size) continue; // and so were more words
    plural = new Intl.PluralRules(next);
    words = Object.assign({}, ...dictionaries) as Dictionary;
    [language, shown] = [next, new Set(parts)];
    document.documentElement.lang = next;
    return;
  }
}

/** Have these words, too. */
export async function loadWords(...parts: Part[]): Promise<void> {
  if (parts.every((part) => shown.has(part)) && language === wanted) return;
  for (const part of parts) inUse.add(part);
  await setLanguage(wanted);
}

async function fetchPart(of: Language, part: Part): Promise<Dictionary> {
  const load = loaders[`./${of}/${part}.ts`];
  if (!load) throw new Error(`no words: ${of}/${part}`);
  return (await load()).default;
}

export type Values = Record<string, string | number>;

/** The words for `key`, with `{name}` replaced by `values.name`. */
export function t(key: Key, values: Values = {}): string {
  const text = words[key];
  if (text === undefined) return key;
  return fill(choose(text, values), values);
}

function choose(text: Text, values: Values): string {
  if (typeof text === "string") return text;
  const form = plural.select(Number(values.count ?? 0));
  if (form === "one") return text.one;
  return (form === "many" ? text.many : undefined) ?? text.other;
}

function fill(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (slot, name: string) => {
    const value = values[name];
    if (value === undefined) return slot;
    return typeof value === "number" ? writeNumber(value) : value;
  });
}
