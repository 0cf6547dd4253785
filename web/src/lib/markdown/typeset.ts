/** Typesets TeX. KaTeX is fetched when the first formula is met; until then its TeX is shown. */

import type Katex from "katex";

let katex: typeof Katex | null = null;
let loading: Promise<void> | null = null;
const waiting = new Set<HTMLElement>();

/** Show the formulas in `root` (elements with `data-tex`) as such: now, or once KaTeX is there. */
export function typesetIn(root: Element): void {
  const found = [...root.querySelectorAll<HTMLElement>("[data-tex]")];
  if (root instanceof HTMLElement && root.dataset.tex !== undefined) found.push(root);
  for (const element of found) {
    if (element.firstElementChild || element.classList.contains("pending")) continue;
    if (katex) render(element);
    else waiting.add(element);
  }
  if (waiting.size) loading ??= load();
}

/** Resolves when nothing waits to be typeset. */
export async function allTypeset(): Promise<void> {
  await loading;
}

async function load(): Promise<void> {
  try {
    const [module] = await Promise.all([import("katex"), import("katex/dist/katex.min.css")]);
    katex = module.default;
    for (const element of waiting) if (!element.firstElementChild) render(element);
    waiting.clear();
  } catch {
    loading = null; // The TeX stays readable; the next formula tries again.
  }
}

function render(element: HTMLElement): void {
  const tex = element.dataset.tex ?? "";
  try {
    // `trust: false` refuses whatever could load or link; the limits stop what grows without end.
    katex!.render(tex, element, {
      displayMode: element.classList.contains("display"),
      trust: false,
      strict: "ignore",
      maxSize: 6,
      maxExpand: 400,
    });
  } catch {
    element.textContent = tex; // No formula: shown as it was written.
  }
}
