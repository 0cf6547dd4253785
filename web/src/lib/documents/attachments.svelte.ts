/**
 * Files on their way into a conversation or a library: sent a few at a time, then followed while
 * the server reads them. It does not know how they are shown, nor what they will be asked.
 */

import { api, ApiError } from "$lib/api/client";
import type { Document } from "$lib/api/types";
import { upload } from "$lib/api/upload";

/** A file with its name, folders included. */
export interface Brought {
  name: string;
  file: File;
}

const AT_ONCE = 3;
const LOOK_MS = [400, 700, 1000, 1500, 2000];

export class Item {
  readonly key = crypto.randomUUID();
  /** How much of it has been sent, of 1. */
  share = $state(0);
  document = $state.raw<Document | null>(null);
  /** Why it could not be sent. */
  error = $state.raw<unknown>(null);
  isWaiting = $state(true);
  readonly #stop = new AbortController();

  constructor(
    readonly name: string,
    readonly size: number,
    readonly file: File | null,
  ) {}

  get state(): "waiting" | "sending" | "refused" | Document["status"] {
    if (this.document) return this.document.status;
    if (this.error) return "refused";
    return this.isWaiting ? "waiting" : "sending";
  }

  /** Whether nothing more happens to it. */
  get isOver(): boolean {
    return ["refused", "ready", "failed"].includes(this.state);
  }

  /** What of it is done, of 1: half for sending, half for reading. */
  get progress(): number {
    const { document } = this;
    if (!document) return this.share / 2;
    if (document.status === "ready" || document.status === "failed") return 1;
    return 0.5 + (document.pages ? document.pages_done / document.pages / 2 : 0);
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  stop(): void {
    this.#stop.abort();
  }
}

/** Who shows everything at the place that files go to. */
export interface Watcher {
  /** Whether something there is still being read. */
  isOpen(): boolean;
  onDocuments(documents: Document[]): void;
}

export class Attachments {
  items = $state.raw<Item[]>([]);
  /** How many are being sent, or wait for it. */
  sending = $derived(this.items.filter(({ state }) => state === "waiting" || state === "sending").length);
  /** Where they go: "/conversations/ID" or "/libraries/ID"; null until it is known. */
  #to: string | null = null;
  #open: () => Promise<string>;
  #watcher: Watcher | null;
  #running = 0;
  #looking: ReturnType<typeof setTimeout> | undefined;
  #looks = 0;
  #turn = 0;
  #isClosed = false;
  /** What is still being read, though it is no longer shown. */
  #behind: Item[] = [];
  #idle: (() => void)[] = [];

  /**
   * `open` says where they go once there is something to send. `watcher` wants to know of everything
   * that is there, as long as it `isOpen`, too.
   */
  constructor(open: () => Promise<string>, watcher: Watcher | null = null) {
    this.#open = open;
    this.#watcher = watcher;
  }

  /** What has arrived, to be named in a question. */
  get documents(): Document[] {
    const found = new Map<string, Document>();
    for (const { document } of this.items) if (document && document.status !== "failed") found.set(document.id, document);
    return [...found.values()];
  }

  add(brought: Brought[]): void {
    const items = brought.map(({ name, file }) => new Item(name, file.size, file));
    this.items = [...this.items, ...items];
    this.#next();
  }

  /** Whether `conversationId` was made for what was attached here. */
  hasOpened(conversationId: string | null): boolean {
    return this.#opening !== null || (conversationId !== null && this.#to === `/conversations/${conversationId}`);
  }

  /** Begin with what is at `to` already. */
  start(to: string | null, documents: Document[] = []): void {
    this.#turn += 1;
    clearTimeout(this.#looking);
    this.#to = to;
    this.#behind = [];
    this.items = documents.map((document) => {
      const item = new Item(document.name, document.size_bytes, null);
      item.document = document;
      return item;
    });
    if (to) this.#follow();
  }

  /** Take `item` back: it is not sent, or deleted where it has arrived. Throws ApiError. */
  async remove(item: Item): Promise<void> {
    item.stop();
    const { document } = item;
    if (document && !document.is_duplicate) await api.delete(`/documents/${document.id}`);
    this.items = this.items.filter((other) => other !== item);
    this.#settle();
  }

  /** No longer show what has arrived: it went along with a question. What then cannot be read is shown again. */
  forget(): void {
    const gone = this.items.filter(({ document }) => document !== null && document.status !== "failed");
    this.items = this.items.filter((item) => !gone.includes(item));
    this.#behind = [...this.#behind, ...gone.filter(({ isOver }) => !isOver)];
    this.#follow();
  }

  /** Show nothing of what is over any more. */
  clear(): void {
    this.items = this.items.filter(({ isOver }) => !isOver);
  }

  /** Send or read `item` once more. Throws ApiError. */
  async retry(item: Item): Promise<void> {
    if (item.document) {
      item.document = await api.post<Document>(`/documents/${item.document.id}/retry`);
      this.#follow();
    } else if (item.file) {
      const again = new Item(item.name, item.size, item.file);
      this.items = this.items.map((other) => (other === item ? again : other));
      this.#next();
    }
  }

  /** Resolves when nothing is being sent any more. */
  async sent(): Promise<void> {
    if (this.sending) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Nobody looks any more: what is on its way still arrives. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#looking);
  }

  #next(): void {
    while (this.#running < AT_ONCE) {
      const item = this.items.find(({ isWaiting, file, document, error }) => isWaiting && file && !document && !error);
      if (!item) break;
      item.isWaiting = false;
      this.#running += 1;
      window.addEventListener("beforeunload", warn);
      void this.#send(item).finally(() => {
        this.#running -= 1;
        this.#next();
        this.#settle();
      });
    }
  }

  async #send(item: Item): Promise<void> {
    try {
      this.#to ??= await this.#opened();
      const path = `${this.#to}/documents?name=${encodeURIComponent(item.name)}`;
      item.document = await upload<Document>(path, item.file!, (share) => (item.share = share), item.signal);
      if (!this.#watcher) {
        // What goes along with a question goes along once.
        const same = (other: Item) => other !== item && other.document?.id === item.document!.id;
        this.items = this.items.filter((other) => !same(other));
      }
      this.look();
    } catch (error) {
      if (!(error instanceof DOMException)) item.error = error;
    }
  }

  // Several files that come first at once open one conversation.
  #opening: Promise<string> | null = null;
  #opened(): Promise<string> {
    this.#opening ??= this.#open().finally(() => (this.#opening = null));
    return this.#opening;
  }

  #settle(): void {
    if (this.sending) return;
    window.removeEventListener("beforeunload", warn);
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** Look at what is there, from now on, until all of it is read. */
  look(): void {
    this.#looks = 0;
    this.#follow();
  }

  #follow(): void {
    clearTimeout(this.#looking);
    if (this.#isClosed) return;
    const isOpen = [...this.items, ...this.#behind].some(({ state }) => state === "queued" || state === "reading");
    if (!isOpen && !this.#watcher?.isOpen()) return;
    const wait = LOOK_MS[Math.min(this.#looks++, LOOK_MS.length - 1)]!;
    this.#looking = setTimeout(() => void this.#look(), wait);
  }

  async #look(): Promise<void> {
    const turn = this.#turn;
    try {
      const { data } = await api.get<{ data: Document[] }>(`${this.#to}/documents`);
      if (turn !== this.#turn) return;
      this.#watcher?.onDocuments(data);
      const byId = new Map(data.map((document) => [document.id, document]));
      for (const item of [...this.items, ...this.#behind]) {
        const now = item.document && byId.get(item.document.id);
        if (now) item.document = { ...now, is_duplicate: item.document!.is_duplicate };
      }
      const wrong = this.#behind.filter(({ state }) => state === "failed");
      this.#behind = this.#behind.filter(({ isOver }) => !isOver);
      if (wrong.length) this.items = [...this.items, ...wrong];
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return;
    }
    if (turn === this.#turn) this.#follow();
  }
}

/** Closing the window would lose what has not been sent. */
function warn(event: BeforeUnloadEvent): void {
  event.preventDefault();
}
