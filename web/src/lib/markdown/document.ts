/**
 * A rendered text that grows. Blocks that are complete are drawn once and never again; of what is
 * still being written only the nodes that changed are touched. However the text arrives, `finish`
 * leaves the same nodes as rendering it at once.
 */

import "./prose.css";
import { complete, draw } from "./draw";
import { typesetIn } from "./typeset";
import { blocks, healed, normal, type Block, type Known } from "./parse";

interface Drawn {
  block: Block;
  node: Element;
  isComplete: boolean;
}

export class LiveDocument {
  readonly #root: HTMLElement;
  #source = "";
  /** Where the text begins that may still change its blocks, and how many blocks come before. */
  #settled = 0;
  #settledBlocks = 0;
  #drawn: Drawn[] = [];
  #known: Known = { references: {} };
  /** How many blocks the last drawing had. */
  #count = 0;
  #isFinished = false;

  constructor(root: HTMLElement) {
    this.#root = root;
  }

  /** Show `source` as it now is; costs as much as what is new plus the block being written. */
  update(source: string): void {
    const text = this.#begin(source);
    if (text === null) return;
    const end = text.lastIndexOf("\n") + 1;
    if (end > this.#settled) {
      const found = blocks(text.slice(this.#settled, end), this.#known);
      // With whole lines, every block but the last can no longer change.
      const last = found.at(-1);
      if (last && found.length > 1) {
        this.#draw(found.slice(0, -1), true);
        this.#settledBlocks += found.length - 1;
        this.#settled += offsetOf(text, this.#settled, last.line);
      }
    }
    const known = { references: { ...this.#known.references } };
    this.#draw(blocks(healed(text.slice(this.#settled)), known, true), false);
    this.#remove(this.#count);
  }

  /** Show `source`, which is complete. */
  finish(source: string): void {
    if (this.#isFinished && normal(source) === this.#source) return;
    const text = this.#begin(source) ?? this.#source;
    this.#settled = 0;
    this.#settledBlocks = 0;
    this.#known = { references: {} };
    const found = blocks(text, this.#known);
    this.#draw(found, true);
    this.#remove(found.length);
    this.#isFinished = true;
  }

  /** The text as far as it is shown. */
  get source(): string {
    return this.#source;
  }

  /** Returns the text, or null where nothing changed; a text that is another one starts anew. */
  #begin(source: string): string | null {
    const text = normal(source);
    if (text === this.#source && !this.#isFinished) return this.#drawn.length ? null : text;
    if (!text.startsWith(this.#source)) {
      this.#settled = 0;
      this.#settledBlocks = 0;
      this.#known = { references: {} };
    }
    this.#source = text;
    this.#isFinished = false;
    return text;
  }

  #draw(found: Block[], isComplete: boolean): void {
    found.forEach((block, n) => {
      const at = this.#settledBlocks + n;
      const old = this.#drawn[at];
      if (old && isSame(old.block, block)) {
        old.block = block;
      } else {
        const node = old?.isComplete ? replaced(old.node, draw(block)) : this.#place(old, draw(block));
        this.#drawn[at] = { block, node, isComplete: false };
        typesetIn(node);
      }
      const drawn = this.#drawn[at]!;
      if (isComplete && !drawn.isComplete) {
        complete(drawn.node);
        drawn.isComplete = true;
      }
    });
    this.#count = this.#settledBlocks + found.length;
  }

  #place(old: Drawn | undefined, fresh: Element): Element {
    if (!old) {
      this.#root.append(fresh);
      return fresh;
    }
    return morphed(old.node, fresh) as Element;
  }

  #remove(from: number): void {
    for (const { node } of this.#drawn.splice(from)) node.remove();
  }
}

function isSame(a: Block, b: Block): boolean {
  return a.html === b.html && a.code?.text === b.code?.text && a.code?.language === b.code?.language;
}

function offsetOf(text: string, from: number, line: number): number {
  let at = from;
  for (let n = 0; n < line; n++) at = text.indexOf("\n", at) + 1;
  return at - from;
}

function replaced(old: Element, fresh: Element): Element {
  old.replaceWith(fresh);
  return fresh;
}

/** Make `old` like `fresh`, touching only what differs; returns the node that is now in place. */
function morphed(old: Node, fresh: Node): Node {
  if (isSameFormula(old, fresh)) return old;
  if (old.nodeType === Node.TEXT_NODE && fresh.nodeType === Node.TEXT_NODE) {
    const [was, is] = [(old as Text).data, (fresh as Text).data];
    if (is.startsWith(was)) {
      if (is.length > was.length) (old as Text).appendData(is.slice(was.length));
    } else {
      (old as Text).data = is;
    }
    return old;
  }
  if (!isAlike(old, fresh)) {
    (old as ChildNode).replaceWith(fresh);
    return fresh;
  }
  const was = [...old.childNodes];
  const is = [...fresh.childNodes];
  is.forEach((node, at) => {
    const before = was[at];
    if (!before) old.appendChild(node);
    else if (!before.isEqualNode(node)) morphed(before, node);
  });
  for (const node of was.slice(is.length)) node.remove();
  return old;
}

/** Whether two elements differ in their content only. (A clone to compare would break the policy on styles.) */
function isAlike(a: Node, b: Node): boolean {
  if (!(a instanceof Element && b instanceof Element) || a.tagName !== b.tagName) return false;
  const names = a.getAttributeNames();
  return names.length === b.getAttributeNames().length && names.every((name) => a.getAttribute(name) === b.getAttribute(name));
}

/** Whether both are the same formula; the one in place may be typeset already. */
function isSameFormula(a: Node, b: Node): boolean {
  const tex = b instanceof HTMLElement ? b.dataset.tex : undefined;
  return tex !== undefined && a instanceof HTMLElement && a.dataset.tex === tex && a.className === (b as HTMLElement).className;
}
