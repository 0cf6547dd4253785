// Elements: how this page makes, finds and fills them. Text is only ever text: nothing a model or
// a server says is read as markup.

import { t, tOr } from "./words.js";

/** How long something may take before the page says that it is waiting. */
export const SKELETON_MS = 300;

/** What a state means. The four meanings have a colour each, and always a word beside it. */
export const MEANING = {
  ready: "proven",
  starting: "waiting",
  restarting: "waiting",
  stopping: "waiting",
  degraded: "estimated",
  backing_off: "refused",
  failed: "refused",
};

export const $ = (id) => document.getElementById(id);

export function el(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

export function fill(id, ...children) {
  $(id).replaceChildren(...children.filter((child) => child !== null));
}

export function quietButton(text, onclick) {
  return el("button", { type: "button", class: "quiet", onclick }, text);
}

/** A mark and a word. */
export function mark(meaning, text) {
  return el("span", { class: `state ${meaning}` }, text);
}

export function stateMark(name) {
  return mark(MEANING[name] ?? "", tOr(`state.${name}`, name));
}

export function setMark(node, meaning, text) {
  if (node.textContent === text && node.className === `state ${meaning}`) return;
  node.className = `state ${meaning}`;
  node.textContent = text;
}

export function factList(className, facts) {
  const pairs = facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]);
  return el("dl", { class: className }, ...pairs);
}

/** Columns in brackets hold numbers. The first cell of a row is its head. */
export function table({ caption, columns, rows, total }) {
  const names = columns.flat();
  const kind = (i) => Array.isArray(columns[i]) && "number";
  const heads = names.map((name, i) => el("th", { scope: "col", class: kind(i) }, name));
  const cell = (content, i) =>
    i === 0
      ? el("th", { scope: "row" }, content)
      : el("td", { "data-column": names[i], class: kind(i) }, content);
  const row = (cells) => el("tr", {}, ...cells.map(cell));
  return el(
    "table",
    { class: "stacks" },
    caption ? el("caption", {}, caption) : null,
    el("thead", {}, el("tr", {}, ...heads)),
    el("tbody", {}, ...rows.map(row)),
    total ? el("tfoot", {}, row(total)) : null,
  );
}

export async function copy(text, button, source) {
  const before = (button.dataset.label ??= button.textContent);
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = t("copied");
  } catch {
    // Over plain HTTP a page may not copy: select the text, so that the keyboard can.
    if (source) getSelection().selectAllChildren(source);
    button.textContent = t(source ? "selected" : "not_copied");
  }
  clearTimeout(button.timer);
  button.timer = setTimeout(() => (button.textContent = before), 2000);
}
