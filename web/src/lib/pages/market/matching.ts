/** Which publications words are about, read as the catalogue reads them. Pure. */

import type { Publication } from "$lib/api/market";

const WORD = /[\p{L}\p{N}]+(?:\.\p{N}+)*/gu;
const SAID = ["name", "description", "base_model"];

/** The words of `text` without case and accents. */
function words(text: string): string[] {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().match(WORD) ?? [];
}

/**
 * The offers in which every word of `text` begins a word of the name, the publisher, the description or
 * the languages, each of which `namesOf` calls by all its names. None where there is no word.
 */
export function matching(offers: Publication[], text: string, namesOf: (tag: string) => string[]): Publication[] {
  const wanted = words(text);
  if (!wanted.length) return [];
  return offers.filter(({ state, name, publisher, card }) => {
    if (state !== "offered") return false;
    const languages = Array.isArray(card.languages) ? card.languages.map(String) : [];
    const said = [name, publisher, ...SAID.map((field) => String(card[field] ?? "")), ...languages.flatMap(namesOf)];
    const known = words(said.join(" "));
    return wanted.every((word) => known.some((each) => each.startsWith(word)));
  });
}
