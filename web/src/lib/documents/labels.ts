/** Places, kinds and states of documents in the reader's words. */

import { ApiError } from "$lib/api/client";
import type { Document, DocumentKind, DocumentNote, PageLabel } from "$lib/api/types";
import { t, type Key } from "$lib/i18n/index.svelte";
import { problem } from "$lib/problem";

const PLACES: Record<PageLabel, Key> = { page: "atPage", slide: "atSlide", sheet: "atSheet", part: "atPart" };
const PROBLEMS: Record<string, Key> = {
  document_encrypted: "problemEncrypted",
  document_corrupt: "problemCorrupt",
  document_empty: "problemEmpty",
  document_too_large: "problemTooBig",
  payload_too_large: "problemTooBig",
  document_unsupported: "problemUnsupported",
  document_timeout: "problemTimeout",
};
const KINDS: Record<DocumentKind, string> = {
  pdf: "PDF", docx: "Word", pptx: "PowerPoint", xlsx: "Excel", ods: "ODS", odt: "ODT", html: "HTML", md: "Markdown",
  txt: "TXT", csv: "CSV", tsv: "TSV", json: "JSON", parquet: "Parquet", sqlite: "SQLite", eml: "E-mail",
};

/** "page 12", "slide 3". */
export function placeName(label: PageLabel, page: number): string {
  return t(PLACES[label] ?? "atPage", { number: String(page) });
}

export function kindName(kind: DocumentKind | null): string {
  return kind ? (KINDS[kind] ?? kind) : "";
}

/** Why a document cannot be read and what to do; the server's own words where we have none. */
export function problemWords(problem: Document["problem"]): string {
  if (!problem) return "";
  const known = PROBLEMS[problem.code];
  return known ? t(known) : problem.message;
}

/** Why a file was not taken, in the reader's words. */
export function refusalWords(error: unknown): string {
  const known = error instanceof ApiError ? PROBLEMS[error.code] : undefined;
  return known ? t(known) : problem(error);
}

/** "annex.pdf" of "report/annex.pdf". */
export function fileName(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

const COUNTS: Record<PageLabel, Key> = { page: "countPages", slide: "countSlides", sheet: "countSheets", part: "countParts" };

/** "400 pages". */
export function pagesCount(label: PageLabel, count: number): string {
  return t(COUNTS[label] ?? "countPages", { count });
}

const NOTES: Record<string, Key> = {
  scanned: "noteScanned",
  hidden_text: "noteHidden",
  damaged_pages: "noteDamaged",
  page_cut: "noteCut",
  pages_cut: "noteCut",
  other_kind: "noteOtherKind",
  running_lines: "noteRunning",
};

/** What is to be known of a document that was read; the server's own words where we have none. */
export function noteWords(note: DocumentNote, label: PageLabel): string {
  const known = NOTES[note.code];
  return known ? t(known, { pages: pagesCount(label, note.pages.length) }) : note.message;
}
