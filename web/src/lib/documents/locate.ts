/**
 * Where words of a Markdown source stand in the text that it was rendered to. Pure: strings in,
 * offsets out. The rendered text lacks the markup, so that offsets of the source mean nothing in it:
 * the same words are looked for, and of several places the one with the same neighbours is taken.
 */

export interface Wanted {
  /** Where it begins in the source, in code points. */
  start: number;
  text: string;
}

export interface Span {
  start: number;
  end: number;
}

const NEIGHBOURS = 48;

/** Returns for each of `wanted` its span in `rendered` (UTF-16 offsets), or null. */
export function locate(source: string, rendered: string, wanted: readonly Wanted[]): (Span | null)[] {
  const shown = squeezed(rendered);
  const taken = new Set<number>();
  const offsets = utf16Offsets(source, wanted.map(({ start }) => start));
  return wanted.map(({ text }, n) => {
    const words = squeezed(plain(text)).text.trim();
    if (!words) return null;
    const from = offsets[n]!;
    const before = letters(source.slice(Math.max(0, from - 4 * NEIGHBOURS), from)).slice(-NEIGHBOURS);
    const after = letters(source.slice(from + text.length, from + text.length + 4 * NEIGHBOURS)).slice(0, NEIGHBOURS);
    let best = -1;
    let bestScore = -1;
    for (let at = shown.text.indexOf(words); at >= 0; at = shown.text.indexOf(words, at + 1)) {
      if (taken.has(at) || isInsideNumber(shown.text, at, words)) continue;
      const score =
        sameEnd(before, letters(shown.text.slice(Math.max(0, at - 2 * NEIGHBOURS), at))) +
        sameBeginning(after, letters(shown.text.slice(at + words.length, at + words.length + 2 * NEIGHBOURS)));
      if (score > bestScore) [best, bestScore] = [at, score];
    }
    if (best < 0) return null;
    taken.add(best);
    return { start: shown.at[best]!, end: shown.at[best + words.length - 1]! + 1 };
  });
}

/** The UTF-16 offset of each offset that counts code points. */
export function utf16Offsets(text: string, codePoints: readonly number[]): number[] {
  const order = codePoints.map((at, n) => [at, n] as const).sort((a, b) => a[0] - b[0]);
  const found = new Array<number>(codePoints.length);
  let unit = 0;
  let point = 0;
  for (const [at, n] of order) {
    while (point < at && unit < text.length) {
      unit += text.codePointAt(unit)! > 0xffff ? 2 : 1;
      point += 1;
    }
    found[n] = unit;
  }
  return found;
}

/** `text` without the signs that Markdown takes for itself. */
function plain(text: string): string {
  return text
    .replace(/\[([^\]\n]+)\]\([^)\n]*\)/g, "$1")
    .replace(/\\([\\`*_{}[\]()#+\-.!|>~$])/g, "$1")
    .replace(/(\*{1,3}|~~|`+)/g, "")
    .replace(/(^|[^\p{L}\p{N}])_{1,3}|_{1,3}(?=$|[^\p{L}\p{N}])/gu, "$1")
    .replace(/^[ \t]*(?:>[ \t]?)+/gm, "");
}

/** `text` with each run of white space as one blank, and where each of its characters came from. */
function squeezed(text: string): { text: string; at: number[] } {
  let out = "";
  const at: number[] = [];
  let wasSpace = false;
  for (let n = 0; n < text.length; n++) {
    const isSpace = /\s/.test(text[n]!);
    if (isSpace && wasSpace) continue;
    out += isSpace ? " " : text[n]!;
    at.push(n);
    wasSpace = isSpace;
  }
  return { text: out, at };
}

function letters(text: string): string {
  return text.replace(/[^\p{L}\p{N}]/gu, "");
}

/** Whether `words`, a number, would be cut out of a longer one: 12 of 2012. */
function isInsideNumber(text: string, at: number, words: string): boolean {
  const isDigit = (sign: string | undefined) => sign !== undefined && sign >= "0" && sign <= "9";
  return (isDigit(words[0]) && isDigit(text[at - 1])) || (isDigit(words.at(-1)) && isDigit(text[at + words.length]));
}

function sameEnd(a: string, b: string): number {
  let n = 0;
  while (n < a.length && n < b.length && a[a.length - 1 - n] === b[b.length - 1 - n]) n += 1;
  return n;
}

function sameBeginning(a: string, b: string): number {
  let n = 0;
  while (n < a.length && n < b.length && a[n] === b[n]) n += 1;
  return n;
}
