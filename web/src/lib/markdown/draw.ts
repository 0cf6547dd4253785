/**
 * One block as nodes. `draw` makes what may be shown while it is still being written; `complete`
 * adds what only a finished block needs: highlighted code, sortable tables.
 */

import { t } from "$lib/i18n/index.svelte";
import { highlight } from "./highlight";
import type { Block } from "./parse";
import { purified } from "./purify";
import { completeTable } from "./tables";

/** Returns the block's element. */
export function draw(block: Block): Element {
  if (block.code) return codeBlock(block.code.language, block.code.text);
  const fragment = purified(block.html);
  for (const pre of fragment.querySelectorAll("pre")) {
    const code = pre.querySelector("code");
    const language = /language-(\S+)/.exec(code?.className ?? "")?.[1] ?? "";
    pre.replaceWith(codeBlock(language, (code?.textContent ?? "").replace(/\n$/, "")));
  }
  for (const link of fragment.querySelectorAll("a")) {
    const host = hostOf(link.href);
    if (link.className === "picture") {
      link.textContent = [link.textContent, t("imageNotLoaded", { host })].filter(Boolean).join(" · ");
    } else if (host && host !== location.host) {
      link.title = t("linkTo", { host });
    }
  }
  for (const math of fragment.querySelectorAll<HTMLElement>(".math")) {
    math.dataset.tex = math.textContent ?? "";
    if (math.classList.contains("display")) math.tabIndex = 0; // It may scroll.
  }
  for (const table of fragment.querySelectorAll("table")) {
    const scroll = document.createElement("div");
    scroll.className = "table-scroll";
    scroll.tabIndex = 0;
    scroll.role = "group";
    table.replaceWith(scroll);
    scroll.append(table);
  }
  const element = fragment.firstElementChild;
  if (element) return element;
  const nothing = document.createElement("p");
  nothing.hidden = true;
  return nothing;
}

/** Finish the look of a block that changes no more. */
export function complete(element: Element): void {
  for (const code of element.querySelectorAll<HTMLElement>("pre > code")) void highlight(code);
  for (const table of element.querySelectorAll("table")) completeTable(table);
}

function codeBlock(language: string, text: string): HTMLElement {
  const figure = document.createElement("figure");
  figure.className = "code";
  figure.dir = "ltr";
  const head = document.createElement("figcaption");
  const name = document.createElement("span");
  name.textContent = language;
  head.append(name, button("copy-code", t("copyCode"), t("copy")));
  const pre = document.createElement("pre");
  pre.tabIndex = 0;
  const code = document.createElement("code");
  if (language) code.dataset.language = language;
  code.textContent = text;
  pre.append(code);
  figure.append(head, pre);
  return figure;
}

function button(what: string, label: string, words: string): HTMLElement {
  const made = document.createElement("button");
  made.type = "button";
  made.dataset.do = what;
  made.ariaLabel = label;
  made.textContent = words;
  return made;
}

function hostOf(href: string): string {
  try {
    return new URL(href).host;
  } catch {
    return "";
  }
}
