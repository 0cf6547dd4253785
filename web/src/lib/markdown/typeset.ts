/** Typesets TeX. KaTeX is fetched when the first formula is met; until then its TeX is shown. */

import type Katex from "katex";

let katex: typeof Katex | null = null;
let loading: Promise<void> | null = null;
const waiting = new Set<HTMLElement>();
const made = new Map<string, Node>();
const MOST = 500;

/** Show `element`, whose text is TeX, as a formula: now, or once KaTeX is there. */
export function typeset(element: HTMLElement): void {
  if (katex) {
    render(element);
    return;
  }
  waiting.add(element);
  loading ??= load();
}

/** Resolves when nothing waits to be typeset. */
export async function allTypeset(): Promise<void> {
  await loading;
}

async function load(): Promise<void> {
  try {
    const [module] = await Promise.all([import("katex"), import("katex/dist/katex.min.css")]);
    katex = module.default;
    for (const element of waiting) render(element);
    waiting.clear();
  } catch {
    loading = null; // The TeX stays readable; the next formula tries again.
  }
}

function render(element: HTMLElement): void {
  const tex = element.textContent ?? "";
  const displayMode = element.classList.contains("display");
  const key = `${displayMode} ${tex}`;
  const known = made.get(key);
  if (known) {
    element.replaceChildren(known.cloneNode(true));
    return;
  }
  try {
    // `trust: false` refuses whatever could load or link; the limits stop what grows without end.
    katex!.render(tex, element, {
      displayMode,
      throwOnError: false,
      trust: false,
      strict: "ignore",
      maxSize: 20,
      maxExpand: 400,
      errorColor: "currentColor",
    });
  } catch {
    element.textContent = tex;
    return;
  }
  if (made.size > MOST) made.clear();
  const copy = element.firstChild?.cloneNode(true);
  if (copy && element.childNodes.length === 1) made.set(key, copy);
}
