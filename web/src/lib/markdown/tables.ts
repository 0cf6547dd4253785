/** Tables that can be read: numbers stand under each other by their decimals, a click sorts. */

import { t } from "$lib/i18n/index.svelte";

const NUMBER = /^[-+−–]?\s?(?:[$€£¥]\s?)?\d[\d\s.,'’  ]*(?:\s?(?:%|‰|€|\$|£|¥|[A-Za-zµ°²³/]{1,5}))?$/u;
const EMPTY = /^(?:|-|–|—|n\/?a|…)$/i;
const FEWEST_ROWS = 2;

/** Align the numbers of `table` and let its heads sort it. */
export function completeTable(table: HTMLTableElement): void {
  const rows = [...(table.tBodies[0]?.rows ?? [])];
  const heads = [...(table.tHead?.rows[0]?.cells ?? [])];
  heads.forEach((head, at) => {
    const cells = rows.map((row) => row.cells[at]).filter((cell) => cell !== undefined);
    const texts = cells.map((cell) => cell.textContent?.trim() ?? "").filter((text) => !EMPTY.test(text));
    if (texts.length && texts.every((text) => NUMBER.test(text))) alignNumbers(head, cells);
    if (rows.length >= FEWEST_ROWS && head.textContent?.trim()) makeSortable(head);
  });
}

/** Sort by the head whose button was pressed: up, down, then as it came. */
export function sortBy(button: Element): void {
  const head = button.closest("th");
  const body = head?.closest("table")?.tBodies[0];
  if (!head || !body) return;
  const at = head.cellIndex;
  const next = { none: "ascending", ascending: "descending", descending: "none" }[head.ariaSort ?? "none"] ?? "ascending";
  const rows = [...body.rows];
  rows.forEach((row, n) => (row.dataset.place ??= String(n)));
  const place = (row: HTMLTableRowElement) => Number(row.dataset.place);
  const text = (row: HTMLTableRowElement) => row.cells[at]?.textContent?.trim() ?? "";
  const decimal = decimalSign(rows.map(text));
  const isNumeric = head.classList.contains("number");
  const words = new Intl.Collator(document.documentElement.lang, { numeric: true, sensitivity: "base" });
  const compare = (a: HTMLTableRowElement, b: HTMLTableRowElement): number => {
    const [one, two] = [text(a), text(b)];
    if (EMPTY.test(one) || EMPTY.test(two)) return Number(EMPTY.test(one)) - Number(EMPTY.test(two));
    const order = isNumeric ? valueOf(one, decimal) - valueOf(two, decimal) : words.compare(one, two);
    return next === "descending" ? -order : order;
  };
  rows.sort(next === "none" ? (a, b) => place(a) - place(b) : (a, b) => compare(a, b) || place(a) - place(b));
  for (const other of head.parentElement!.children) (other as HTMLElement).ariaSort = null;
  head.ariaSort = next;
  body.append(...rows);
}

function makeSortable(head: HTMLTableCellElement): void {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.do = "sort";
  button.title = t("sortBy", { column: head.textContent!.trim() });
  button.append(...head.childNodes);
  head.append(button);
}

function alignNumbers(head: HTMLTableCellElement, cells: HTMLTableCellElement[]): void {
  const decimal = decimalSign(cells.map((cell) => cell.textContent ?? ""));
  const digits = cells.map((cell) => digitsAfter(cell.textContent ?? "", decimal));
  const most = Math.max(...digits);
  head.classList.add("number");
  cells.forEach((cell, n) => {
    cell.classList.add("number");
    const missing = most - digits[n]!;
    // Room as wide as the digits that are missing; drawn by the style sheet, so that no copy has it.
    if (missing > 0) cell.dataset.room = (digits[n] ? "" : "\u2008") + "\u2007".repeat(missing);
  });
}

/** Which sign the numbers of a column have before their decimals. */
export function decimalSign(texts: string[]): "." | "," {
  let points = 0;
  let commas = 0;
  for (const text of texts) {
    const sign = /([.,])(\d+)\D*$/.exec(text);
    if (!sign) continue;
    const isGroup = sign[2]!.length === 3 && /\d/.test(text[sign.index - 1] ?? "") && !/^[-−+]?0[.,]/.test(text.trim());
    const repeated = text.split(sign[1]!).length > 2;
    if (isGroup && repeated) continue;
    const weight = isGroup ? 0.1 : 1;
    const other = isGroup ? (sign[1] === "," ? "." : ",") : sign[1];
    if (other === ",") commas += weight;
    else points += weight;
  }
  return commas > points ? "," : ".";
}

function digitsAfter(text: string, decimal: string): number {
  const found = new RegExp(`\\${decimal}(\\d+)\\D*$`).exec(text);
  return found ? found[1]!.length : 0;
}

function valueOf(text: string, decimal: "." | ","): number {
  const plain = text.replace(/[−–]/g, "-").replace(/[^\d.,-]/g, "");
  const group = decimal === "." ? /,/g : /\./g;
  return Number(plain.replace(group, "").replace(",", ".")) || 0;
}
