/** A short text that appears beside a control under the pointer or the focus. Names stay with `aria-label`. */

const DELAY_MS = 450;

/** `use:tip={text}`; an empty text shows nothing. */
export function tip(node: HTMLElement, text: string) {
  let words = text;
  let shown: HTMLElement | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function show(): void {
    hide();
    if (!words || !node.isConnected) return;
    shown = document.createElement("div");
    shown.className = "tip";
    shown.popover = "manual";
    shown.ariaHidden = "true";
    shown.textContent = words;
    // Inside an open dialog it must be there, too: the rest of the page is inert.
    (node.closest("dialog") ?? document.body).append(shown);
    shown.showPopover();
    place(shown, node);
  }

  function later(event: Event): void {
    if (event.type === "focus" && !node.matches(":focus-visible")) return;
    clearTimeout(timer);
    timer = setTimeout(show, DELAY_MS);
  }

  function hide(): void {
    clearTimeout(timer);
    shown?.remove();
    shown = null;
  }

  function onKey(event: KeyboardEvent): void {
    if (event.key === "Escape") hide();
  }

  const listeners: [string, (event: never) => void][] = [
    ["pointerenter", later],
    ["focus", later],
    ["pointerleave", hide],
    ["blur", hide],
    ["pointerdown", hide],
    ["click", hide],
    ["keydown", onKey],
  ];
  for (const [type, listener] of listeners) node.addEventListener(type, listener as EventListener);
  return {
    update(next: string): void {
      words = next;
      if (shown) shown.textContent = next;
    },
    destroy(): void {
      hide();
      for (const [type, listener] of listeners) node.removeEventListener(type, listener as EventListener);
    },
  };
}

/** Put `box` below `anchor` (above it where there is no room), within the window. */
export function place(box: HTMLElement, anchor: HTMLElement, align: "start" | "center" | "end" = "center"): void {
  const a = anchor.getBoundingClientRect();
  const b = box.getBoundingClientRect();
  const gap = 6;
  const left =
    align === "start" ? a.left : align === "end" ? a.right - b.width : a.left + a.width / 2 - b.width / 2;
  const below = a.bottom + gap + b.height <= innerHeight - gap;
  const top = below || a.top < b.height + gap ? a.bottom + gap : a.top - gap - b.height;
  box.style.setProperty("left", `${Math.max(8, Math.min(left, innerWidth - b.width - 8))}px`);
  box.style.setProperty("top", `${Math.max(8, Math.min(top, innerHeight - b.height - 8))}px`);
}
