/** Finds words in a text as a reader means them: case, accents, hyphens at line ends and spaces aside. */

export interface Found {
  start: number;
  end: number;
}

/** `text` as it is compared, and which character of it each came from. */
function folded(text: string): { text: string; at: number[] } {
  let out = "";
  const at: number[] = [];
  let wasSpace = true;
  for (let n = 0; n < text.length; n++) {
    const sign = text[n]!;
    if (sign === "\u00ad") continue;
    // A word that is parted at the end of a line is one word.
    if (sign === "-" && text[n + 1] === "\n" && /\p{Ll}/u.test(text[n + 2] ?? "")) {
      n += 1;
      continue;
    }
    if (/\s/.test(sign)) {
      if (!wasSpace) {
        out += " ";
        at.push(n);
      }
      wasSpace = true;
      continue;
    }
    wasSpace = false;
    for (const plain of sign.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/[\u2018\u2019]/g, "'")) {
      out += plain;
      at.push(n);
    }
  }
  return { text: out, at };
}

/** Where `query` stands in `text`. */
export function find(text: string, query: string): Found[] {
  const wanted = folded(query).text.trim();
  if (!wanted) return [];
  const where = folded(text);
  const found: Found[] = [];
  for (let at = where.text.indexOf(wanted); at >= 0; at = where.text.indexOf(wanted, at + wanted.length)) {
    found.push({ start: where.at[at]!, end: where.at[at + wanted.length - 1]! + 1 });
  }
  return found;
}

/**
 * Find in a text that comes in pieces. Returns for each match the spans within the pieces that
 * belong to it.
 */
export function findInPieces(pieces: readonly string[], query: string): { piece: number; start: number; end: number }[][] {
  let whole = "";
  const begins = pieces.map((piece) => {
    const begin = whole.length;
    whole += piece;
    return begin;
  });
  return find(whole, query).map(({ start, end }) => {
    const parts: { piece: number; start: number; end: number }[] = [];
    pieces.forEach((piece, n) => {
      const begin = begins[n]!;
      const [from, to] = [Math.max(start, begin) - begin, Math.min(end, begin + piece.length) - begin];
      if (from < to) parts.push({ piece: n, start: from, end: to });
    });
    return parts;
  });
}
