/**
 * Where the reader is in a conversation. The page follows what is written only while the reader is
 * at its end; long conversations are drawn from the end, the rest while nothing else is to be done.
 */

import { tick } from "svelte";
import type { Entry } from "./chat.svelte";

const FIRST = 10;
/** How long drawing more of what is above may take at once. */
const SLICE_MS = 10;
const NEAR_PX = 48;

export class Reading {
  /** The first message that is drawn. */
  from = $state(0);
  /** Whether the end is in sight. */
  isAtEnd = $state(true);

  #scroller: HTMLElement | null = null;
  #follows = true;
  #lastTop = 0;
  #idle = 0;
  #step = 2;
  #sizes = new WeakMap<object, number>();

  constructor(readonly count: () => number) {}

  /** The element that scrolls. */
  attach = (scroller: HTMLElement): (() => void) => {
    this.#scroller = scroller;
    const content = new ResizeObserver(() => this.#keep());
    const watch = () => {
      content.disconnect();
      content.observe(scroller);
      for (const child of scroller.children) content.observe(child);
    };
    const children = new MutationObserver(watch);
    children.observe(scroller, { childList: true });
    watch();
    const onScroll = () => {
      const { scrollTop, scrollHeight, clientHeight } = scroller;
      const isNear = scrollHeight - scrollTop - clientHeight < NEAR_PX;
      if (isNear) this.#follows = true;
      else if (scrollTop < this.#lastTop - 1) this.#follows = false;
      this.#lastTop = scrollTop;
      this.isAtEnd = isNear;
    };
    scroller.addEventListener("scroll", onScroll, { passive: true });
    window.addEventListener("beforeprint", this.#drawAll);
    return () => {
      content.disconnect();
      children.disconnect();
      scroller.removeEventListener("scroll", onScroll);
      window.removeEventListener("beforeprint", this.#drawAll);
      this.#scroller = null;
    };
  };

  /** A conversation is about to be drawn: only its end, at first. */
  prepare(): void {
    this.from = Math.max(0, this.count() - FIRST);
  }

  /** A conversation has been opened: at its end, or at message `id`. */
  async begin(id: string | null): Promise<void> {
    this.#follows = id === null;
    await tick();
    if (id) await this.goTo(id);
    else this.#toEnd();
    this.#later();
  }

  /** Bring message `id` into sight and show which one it is. */
  async goTo(id: string): Promise<void> {
    this.#follows = false;
    this.from = 0;
    await tick();
    const turn = document.getElementById(`m-${id}`);
    if (!turn) return;
    // Twice: what comes into sight takes its true size with the first.
    turn.scrollIntoView({ block: "start" });
    requestAnimationFrame(() => turn.scrollIntoView({ block: "start" }));
    turn.focus({ preventScroll: true });
    turn.animate([{ background: "var(--mark)" }, { background: "transparent" }], { duration: 1600 });
  }

  /** Go to the end, and stay there. */
  follow(smooth = false): void {
    this.#follows = true;
    if (smooth && this.#scroller) this.#scroller.scrollTo({ top: this.#scroller.scrollHeight, behavior: "smooth" });
    else this.#toEnd();
  }

  /** The place of the message that has the focus, or of the one in sight. */
  focused(): number {
    const turn = document.activeElement?.closest<HTMLElement>(".turn");
    return turn ? Number(turn.dataset.at) : this.count() - 1;
  }

  focus(at: number): void {
    const turn = this.#scroller?.querySelector<HTMLElement>(`.turn[data-at="${at}"]`);
    if (!turn) return;
    turn.focus({ preventScroll: true });
    turn.scrollIntoView({ block: "nearest" });
    if (at < this.count() - 1) this.#follows = false;
  }

  /** Move the focus by messages. */
  step(by: number): void {
    const isInside = document.activeElement?.closest(".turn") !== null && document.activeElement?.closest(".turn") !== undefined;
    const at = isInside ? this.focused() + by : this.count() - 1;
    this.focus(Math.max(this.from, Math.min(this.count() - 1, at)));
  }

  /** About how high a message is, before it was drawn. */
  estimate(entry: Entry): number {
    const { message } = entry;
    let height = this.#sizes.get(message);
    if (height === undefined) {
      height = 60;
      for (const part of message.parts) {
        if (part.type !== "text") continue;
        const text = part.text;
        let lines = 0;
        for (let at = 0; at < text.length; ) {
          const end = text.indexOf("\n", at);
          const stop = end < 0 ? text.length : end;
          lines += Math.ceil((stop - at) / 85) || 0.4;
          at = stop + 1;
        }
        height += Math.round(lines * 26);
      }
      this.#sizes.set(message, height);
    }
    return height;
  }

  close(): void {
    if ("cancelIdleCallback" in window) cancelIdleCallback(this.#idle);
    else clearTimeout(this.#idle);
  }

  #drawAll = (): void => {
    this.from = 0;
  };

  #later(): void {
    if (this.from === 0) return;
    const more = () => {
      const scroller = this.#scroller;
      if (!scroller) return;
      // What is added above must not move what is read.
      const [height, top] = [scroller.scrollHeight, scroller.scrollTop];
      const begun = performance.now();
      this.from = Math.max(0, this.from - this.#step);
      void tick().then(() => {
        const took = performance.now() - begun;
        this.#step = Math.max(1, Math.min(20, Math.round((this.#step * SLICE_MS) / Math.max(1, took))));
        if (this.#follows) this.#toEnd();
        else if (scroller.scrollTop === top) scroller.scrollTop = top + scroller.scrollHeight - height;
        this.#later();
      });
    };
    this.#idle = "requestIdleCallback" in window ? requestIdleCallback(more, { timeout: 1000 }) : setTimeout(more, 60) as unknown as number;
  }

  #keep(): void {
    if (this.count() === 0) return;
    if (this.#follows) this.#toEnd();
    else if (this.#scroller) {
      const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
      this.isAtEnd = scrollHeight - scrollTop - clientHeight < NEAR_PX;
    }
  }

  #toEnd(): void {
    const scroller = this.#scroller;
    if (!scroller) return;
    scroller.scrollTop = scroller.scrollHeight;
    this.#lastTop = scroller.scrollTop;
    this.isAtEnd = true;
  }
}
