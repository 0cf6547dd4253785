/** Rows as CSV (RFC 4180), with numbers as programs read them. */

import type { Cell, ResultColumn } from "$lib/api/types";

/** `columns` and `rows` as text; what a spreadsheet would run as a formula is made plain text. */
export function csv(columns: readonly ResultColumn[], rows: readonly Cell[][]): string {
  const lines = [columns.map(({ name }) => quoted(name)), ...rows.map((row) => row.map((cell, at) => written(cell, columns[at]?.type === "number")))];
  return lines.map((line) => line.join(",") + "\r\n").join("");
}

function written(cell: Cell, isNumber: boolean): string {
  if (cell === null) return "";
  return isNumber || typeof cell !== "string" ? quoted(String(cell)) : quoted(/^[=+\-@\t\r]/.test(cell) ? `'${cell}` : cell);
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
