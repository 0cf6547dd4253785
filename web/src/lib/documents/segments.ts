/** Texts cut where something in them is marked. Pure. */

export interface Marked {
  start: number;
  end: number;
  look: "proven" | "plain" | "found" | "at";
}

export interface Segment {
  text: string;
  look: Marked["look"] | null;
}

const CELLS = " | ";

/** `text` in segments; of marks over each other the later one is seen. Offsets are UTF-16. */
export function segments(text: string, marks: readonly Marked[], from = 0, to = text.length): Segment[] {
  const cuts = new Set([from, to]);
  for (const { start, end } of marks) {
    if (start > from && start < to) cuts.add(start);
    if (end > from && end < to) cuts.add(end);
  }
  const order = [...cuts].sort((a, b) => a - b);
  const found: Segment[] = [];
  for (let n = 0; n + 1 < order.length; n++) {
    const [start, end] = [order[n]!, order[n + 1]!];
    const look = marks.findLast((mark) => mark.start <= start && mark.end >= end)?.look ?? null;
    found.push({ text: text.slice(start, end), look });
  }
  return found;
}

/** The rows of a table's text, each cell in segments. */
export function rows(text: string, marks: readonly Marked[]): Segment[][][] {
  let at = 0;
  return text.split("\n").map((line) => {
    let from = at;
    at += line.length + 1;
    return line.split(CELLS).map((cell) => {
      const cut = segments(text, marks, from, from + cell.length);
      from += cell.length + CELLS.length;
      return cut;
    });
  });
}
