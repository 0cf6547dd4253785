/** What differs between two texts, word by word: the longest common run of words stays. */

export interface Piece {
  /** Where it stands: in the text before, in the one after, or in both. */
  in: "before" | "after" | "both";
  text: string;
}

/** Longer texts are compared by lines, which are fewer. */
const MOST_WORDS = 1500;

/** The pieces of `before` and `after`, in order. */
export function differences(before: string, after: string): Piece[] {
  const isLong = before.length + after.length > MOST_WORDS * 12;
  const [a, b] = [cut(before, isLong), cut(after, isLong)];
  // common[i][j]: how much the ends from a[i] and b[j] have in common.
  const common = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i]![j] = a[i] === b[j] ? common[i + 1]![j + 1]! + 1 : Math.max(common[i + 1]![j]!, common[i]![j + 1]!);
    }
  }
  const found: Piece[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      add(found, "both", a[i]!);
      i++;
      j++;
    } else if (j >= b.length || (i < a.length && common[i + 1]![j]! >= common[i]![j + 1]!)) {
      add(found, "before", a[i++]!);
    } else {
      add(found, "after", b[j++]!);
    }
  }
  return found;
}

function cut(text: string, byLines: boolean): string[] {
  return text.match(byLines ? /[^\n]*\n|[^\n]+$/g : /\s+|[^\s]+/g) ?? [];
}

function add(found: Piece[], where: Piece["in"], text: string): void {
  const last = found.at(-1);
  if (last?.in === where) last.text += text;
  else found.push({ in: where, text });
}
