/** SQL cut into pieces with their kinds, to be coloured while it is written. It does not understand it. */

export type Piece = [text: string, kind: "" | "keyword" | "string" | "number" | "comment" | "name" | "function"];

const TOKEN = /(--[^\n]*|\/\*[\s\S]*?(?:\*\/|$))|('(?:[^']|'')*(?:'|$))|("(?:[^"]|"")*(?:"|$))|(\b\d+(?:\.\d+)?(?:e[+-]?\d+)?\b)|([\p{L}_][\p{L}\p{N}_]*)/giu;
const KEYWORDS = new Set(
  ("all and any as asc between by case cast cross cube current date desc distinct else end escape except exists extract false fetch filter first following for from full group grouping having ilike in inner intersect interval is join last lateral left like limit natural not null nulls offset on or order outer over partition preceding qualify range recursive right rollup row rows select sets similar some symmetric table then timestamp true try_cast unbounded union unnest using values when where window with").split(" "),
);

/** `text` in pieces, which together are `text`. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let at = 0;
  for (const match of text.matchAll(TOKEN)) {
    if (match.index > at) found.push([text.slice(at, match.index), ""]);
    at = match.index + match[0].length;
    const [word, comment, string, name, number] = match;
    const kind = comment ? "comment" : string ? "string" : name ? "name" : number ? "number" : KEYWORDS.has(word.toLowerCase()) ? "keyword" : /^\s*\(/.test(text.slice(at, at + 8)) ? "function" : "";
    found.push([word, kind]);
  }
  if (at < text.length) found.push([text.slice(at), ""]);
  return found;
}
