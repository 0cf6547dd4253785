/**
 * The marks in an answer: `[n]`, quotes and numbers that can be followed to where they come from,
 * and those that were not found there. They wrap text that is already drawn, and add nothing that
 * would be copied with it.
 */

import "./marks.css";
import type { Check, Source } from "$lib/api/types";
import { t } from "$lib/i18n/index.svelte";
import { tip } from "$lib/ui/tip";
import { placeName } from "./labels";
import { locate, type Span } from "./locate";

interface Mark extends Span {
  number: number | null;
  check: Check | null;
}

interface Piece {
  node: Text;
  start: number;
}

export type Follow = (number: number | null, check: Check | null, opener: HTMLElement) => void;

const NOT_PROSE = "pre, code, figcaption, .katex, .math, .sr, .mark-note";
const CITED = /\[(\d{1,3})\]/g;

/** Mark what `checks` say about the whole of `root`, whose Markdown is `source`. */
export function markChecked(root: HTMLElement, source: string, checks: readonly Check[], sources: readonly Source[], follow: Follow): void {
  clear(root);
  const pieces = piecesOf(root);
  const text = textOf(pieces);
  const told = checks.filter(({ verdict }) => verdict !== "asked");
  const spans = locate(source, text, told);
  const marks: Mark[] = [];
  told.forEach((check, n) => {
    const span = check.kind === "quote" && spans[n] ? quoted(text, spans[n]) : spans[n];
    if (span) marks.push({ ...span, number: check.source ?? citedBy(check), check });
  });
  const isOfResult = !sources.length || told.some(({ cell }) => cell);
  draw(pieces, apart(marks), sources, follow, isOfResult);
}

/** Mark each `[n]` in `roots`, where nothing has been checked yet. */
export function markCited(roots: Iterable<Element>, sources: readonly Source[], follow: Follow): void {
  for (const root of roots) {
    if (!(root instanceof HTMLElement) || root.dataset.cited !== undefined) continue;
    root.dataset.cited = "";
    const pieces = piecesOf(root);
    const marks: Mark[] = [];
    for (const found of textOf(pieces).matchAll(CITED)) {
      const number = Number(found[1]);
      if (!sources.some((source) => source.number === number)) continue;
      marks.push({ start: found.index, end: found.index + found[0].length, number, check: null });
    }
    draw(pieces, marks, sources, follow);
  }
}

/** Take every mark out again. */
export function clear(root: HTMLElement): void {
  for (const note of root.querySelectorAll(".mark-note, .checked > .sr")) note.remove();
  for (const mark of root.querySelectorAll(".checked")) mark.replaceWith(...mark.childNodes);
  for (const marked of root.querySelectorAll<HTMLElement>("[data-cited]")) delete marked.dataset.cited;
  root.normalize();
}

function piecesOf(root: HTMLElement): Piece[] {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT, (node) => {
    if (node instanceof Text) return NodeFilter.FILTER_ACCEPT;
    return (node as Element).matches(NOT_PROSE) ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_SKIP;
  });
  const pieces: Piece[] = [];
  let start = 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    pieces.push({ node: node as Text, start });
    start += (node as Text).data.length;
  }
  return pieces;
}

function textOf(pieces: readonly Piece[]): string {
  return pieces.map(({ node }) => node.data).join("");
}

function citedBy(check: Check): number | null {
  const found = /\d+/.exec(check.kind === "citation" ? check.text : "");
  return found ? Number(found[0]) : null;
}

/** `span` with the quotation marks around it, where there are any. */
function quoted(text: string, span: Span): Span {
  const before = /[“”„"«»‹›‘’‚']\s?$/.exec(text.slice(0, span.start))?.[0].length ?? 0;
  const after = /^\s?[“”„"«»‹›‘’‚']/.exec(text.slice(span.end))?.[0].length ?? 0;
  return before && after ? { start: span.start - before, end: span.end + after } : span;
}

/** `marks` in their order, without those that lie in or across another. */
function apart(marks: Mark[]): Mark[] {
  const order = [...marks].sort((a, b) => a.start - b.start || b.end - a.end);
  let end = 0;
  return order.filter((mark) => {
    if (mark.start < end) return false;
    end = mark.end;
    return true;
  });
}

/** Wrap each mark's text, the last first, so that the places before it stay where they are. */
function draw(pieces: Piece[], marks: Mark[], sources: readonly Source[], follow: Follow, isOfResult = false): void {
  for (const mark of [...marks].reverse()) {
    const inside = pieces.filter(({ node, start }) => start < mark.end && start + node.data.length > mark.start);
    inside.reverse().forEach(({ node, start }, n) => {
      const from = Math.max(0, mark.start - start);
      const to = Math.min(node.data.length, mark.end - start);
      if (!node.data.slice(from, to).trim() && inside.length > 1) return;
      if (to < node.data.length) node.splitText(to);
      const middle = from > 0 ? node.splitText(from) : node;
      wrap(middle, mark, { isFirst: n === inside.length - 1, isLast: n === 0 }, sources, follow, isOfResult);
    });
  }
}

function wrap(text: Text, mark: Mark, place: { isFirst: boolean; isLast: boolean }, sources: readonly Source[], follow: Follow, isOfResult: boolean): void {
  const { check, number } = mark;
  const source = sources.find((one) => one.number === number);
  const kind = check?.kind ?? "citation";
  const verdict = check?.verdict ?? "cited";
  const leads = check?.cell ? true : source !== undefined && !(kind === "quote" && verdict === "unproven");
  const element = document.createElement("span");
  element.className = `checked ${kind} ${verdict}`;
  text.replaceWith(element);
  element.append(text);
  const words = wordsOf(kind, verdict, source, isOfResult && !source);
  if (leads) {
    element.addEventListener("click", () => follow(number, check, element));
    if (place.isFirst) {
      element.role = "button";
      element.tabIndex = 0;
      element.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" && event.key !== " ") return;
        event.preventDefault();
        follow(number, check, element);
      });
    }
  }
  if (words && (place.isFirst || kind !== "quote")) tip(element, words);
  if (!place.isLast) return;
  if (verdict === "unproven") element.append(note(words, "mark-note"));
  else if (words) element.append(note(words, "sr"));
}

/** The words beside a mark. Those of an unproven one are seen by everybody. */
function note(words: string, kind: "mark-note" | "sr"): HTMLElement {
  const made = document.createElement("span");
  made.className = kind;
  made.textContent = kind === "sr" ? ` (${words})` : words;
  return made;
}

/** `isOfResult`: a number was looked for among cells, not in documents. */
function wordsOf(kind: Check["kind"], verdict: Check["verdict"] | "cited", source: Source | undefined, isOfResult: boolean): string {
  if (kind === "number" && verdict === "calculated") return t("markCalculated");
  if (kind === "number" && isOfResult) {
    return t(verdict === "unproven" ? "markNumberUnproven" : "markNumberProven");
  }
  if (verdict === "unproven") return t(kind === "citation" && !source ? "markNoSource" : "markUnproven");
  const place = source ? `${source.document}, ${placeName(source.label, source.page)}` : "";
  return [kind !== "citation" && verdict === "proven" ? t("markProven") : "", place].filter(Boolean).join(" · ");
}
