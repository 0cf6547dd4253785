/**
 * What is open beside the conversation (or a library) as evidence: a place in a document, one of
 * several that can be gone through. It knows neither how it is drawn nor who asked.
 */

import type { Check, Message, PageLabel, Source } from "$lib/api/types";

/** A place in a document: a span of a passage, a passage, or a page. */
export interface Place {
  documentId: string;
  name: string;
  /** From 1. */
  page: number;
  label: PageLabel;
  heading: string;
  passage: number | null;
  /** Which characters of the passage (code points); null is all of it. */
  at: [start: number, end: number] | null;
  /** The source's number in the answer that leads here, where there is one. */
  number: number | null;
  /** The words of the answer that are said to stand here. */
  quote: string;
  verdict: Check["verdict"] | null;
}

export class Evidence {
  places = $state.raw<Place[]>([]);
  at = $state(0);
  /** Grows each time something is opened, so that the same place can be opened again. */
  turn = $state(0);
  #opener: HTMLElement | null = null;

  get shown(): Place | null {
    return this.places[this.at] ?? null;
  }

  /** Show `places[at]`; the focus goes back to `opener` (or what has it now) when it is closed. */
  open(places: Place[], at = 0, opener: Element | null = document.activeElement): void {
    this.places = places;
    this.at = at;
    this.turn += 1;
    this.#opener = opener instanceof HTMLElement ? opener : null;
  }

  /** Show a document from its first page on. */
  openDocument(documentId: string, name: string, opener: Element | null = document.activeElement): void {
    this.open([wholeOf(documentId, name)], 0, opener);
  }

  /**
   * Show source `number` of an answer, at what `check` found, with the answer's other citations
   * around it.
   */
  openFrom(message: Message, number: number, check: Check | null, opener: HTMLElement): void {
    const cited = placesOf(message);
    const at = cited.findIndex(({ check: other, place }) => (check ? isSame(other, check) : place.number === number));
    if (at >= 0) {
      this.open(cited.map(({ place }) => place), at, opener);
      return;
    }
    const sources = sourcesOf(message);
    const found = sources.findIndex((source) => source.number === number);
    if (found >= 0) this.open(sources.map((source) => placeOf(source)), found, opener);
  }

  /** Go to the next (1) or previous (-1) place. */
  step(by: number): void {
    if (!this.places[this.at + by]) return;
    this.at += by;
    this.turn += 1;
  }

  close(): void {
    this.places = [];
    this.#opener?.focus();
    this.#opener = null;
  }
}

export function placeOf(source: Source, check: Check | null = null): Place {
  return {
    documentId: source.document_id,
    name: source.document,
    page: source.page,
    label: source.label,
    heading: source.heading,
    passage: source.passage,
    at: check?.at ?? null,
    number: source.number,
    quote: check?.kind === "quote" ? check.text : "",
    verdict: check?.verdict ?? null,
  };
}

function wholeOf(documentId: string, name: string): Place {
  return { documentId, name, page: 1, label: "page", heading: "", passage: null, at: null, number: null, quote: "", verdict: null };
}

export function sourcesOf(message: Message): Source[] {
  return message.parts.flatMap((part) => (part.type === "sources" ? part.sources : []));
}

export function checksOf(message: Message): Check[] {
  return message.parts.flatMap((part) => (part.type === "checks" ? part.checks : []));
}

/** The places that an answer's quotes and citations lead to, in the order of the text. */
function placesOf(message: Message): { place: Place; check: Check }[] {
  const sources = new Map(sourcesOf(message).map((source) => [source.number, source]));
  return checksOf(message)
    .filter(({ kind, source }) => kind !== "number" && source !== null && sources.has(source))
    .sort((a, b) => a.part - b.part || a.start - b.start)
    .map((check) => ({ place: placeOf(sources.get(check.source!)!, check), check }));
}

function isSame(a: Check, b: Check): boolean {
  return a.part === b.part && a.start === b.start && a.kind === b.kind;
}
