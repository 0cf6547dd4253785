/** Short notes at the foot of the page: something is done, and may be undone. */

export interface Toast {
  id: number;
  text: string;
  kind: "plain" | "refused";
  action?: { label: string; run: () => void };
}

const SECONDS = 6;

class Toasts {
  shown = $state.raw<Toast[]>([]);
  #next = 1;

  /** Show `text` for some seconds; with an action ("Undo"), a little longer. */
  say(text: string, action?: Toast["action"]): void {
    this.#add({ id: this.#next++, text, kind: "plain", ...(action ? { action } : {}) });
  }

  /** Show what went wrong. */
  refuse(text: string): void {
    this.#add({ id: this.#next++, text, kind: "refused" });
  }

  dismiss(id: number): void {
    this.shown = this.shown.filter((toast) => toast.id !== id);
  }

  #add(toast: Toast): void {
    this.shown = [...this.shown.slice(-2), toast];
    const seconds = toast.action || toast.kind === "refused" ? SECONDS * 1.7 : SECONDS;
    setTimeout(() => this.dismiss(toast.id), seconds * 1000);
  }
}

export const toasts = new Toasts();
