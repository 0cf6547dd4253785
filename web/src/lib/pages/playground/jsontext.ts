/**
 * JSON as somebody types it: its value, or the line where it goes wrong and what was expected there;
 * and the line on which each part begins, so that what is said of a part can be shown at its line.
 */

export type Expected = "value" | "name" | "colon" | "comma" | "text" | "end";
export interface Mistake {
  line: number;
  column: number;
  expected: Expected;
}
export type Read = { value: unknown; lines: Map<string, number> } | { mistake: Mistake };

const LITERAL = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const DEEPEST = 200;

class Wrong extends Error {
  constructor(
    readonly at: number,
    readonly expected: Expected,
  ) {
    super();
  }
}

/** Read `text`. Parts are named by their path, such as "0.function.name"; the whole is "". */
export function readJson(text: string): Read {
  const lines = new Map<string, number>();
  let at = 0;

  function space(): void {
    while (/\s/.test(text.charAt(at))) at += 1;
  }

  function match(pattern: RegExp): string | null {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0] ?? null;
    if (found !== null) at += found.length;
    return found;
  }

  function value(path: string, depth: number): void {
    space();
    lines.set(path, lineAt(text, at));
    const sign = text.charAt(at);
    if (depth > DEEPEST) throw new Wrong(at, "value");
    if (sign === "{" || sign === "[") {
      at += 1;
      list(path, depth, sign === "{");
    } else if (sign === '"') {
      if (match(STRING) === null) throw new Wrong(at, "text");
    } else if (match(LITERAL) === null) {
      throw new Wrong(at, "value");
    }
  }

  function list(path: string, depth: number, isObject: boolean): void {
    const close = isObject ? "}" : "]";
    space();
    if (text.charAt(at) === close) {
      at += 1;
      return;
    }
    for (let number = 0; ; number++) {
      let name = String(number);
      space();
      if (isObject) {
        const quoted = match(STRING);
        if (quoted === null) throw new Wrong(at, "name");
        name = JSON.parse(quoted) as string;
        space();
        if (text.charAt(at) !== ":") throw new Wrong(at, "colon");
        at += 1;
      }
      value(path ? `${path}.${name}` : name, depth + 1);
      space();
      const next = text.charAt(at);
      if (next !== "," && next !== close) throw new Wrong(at, "comma");
      at += 1;
      if (next === close) return;
    }
  }

  try {
    value("", 0);
    space();
    if (at < text.length) throw new Wrong(at, "end");
    return { value: JSON.parse(text) as unknown, lines };
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    const line = lineAt(text, error.at);
    return { mistake: { line, column: error.at - text.lastIndexOf("\n", error.at - 1), expected: error.expected } };
  }
}

/** The line of the part that `path` names, or of the nearest around it that there is. */
export function lineOf(lines: Map<string, number>, path: string): number {
  let shown = path;
  while (shown && !lines.has(shown)) shown = shown.includes(".") ? shown.slice(0, shown.lastIndexOf(".")) : "";
  return lines.get(shown) ?? 1;
}

function lineAt(text: string, at: number): number {
  return text.slice(0, at).split("\n").length;
}
