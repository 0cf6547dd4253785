/**
 * One conversation as it is shown: a tree of messages, the path through it that is read now, and
 * the feed that keeps both current. It knows nothing of how things look.
 */

import { api, ApiError } from "$lib/api/client";
import { follow, type Feed, type FeedEvent } from "$lib/api/feed";
import type { ChatEvent, Conversation, FileReference, Message, Parameters, Part, Summary } from "$lib/api/types";
import { conversations } from "$lib/conversations.svelte";

export interface Queue {
  position: number;
  eta_s: number;
}

/** A message and what moves about it. Text that streams in changes `message.parts` and `version`. */
export class Entry {
  message = $state.raw<Message>(null as unknown as Message);
  /** Grows with every piece of text, at most once a frame. */
  version = $state(0);
  queue = $state.raw<Queue | null>(null);
  /** Shown, but not acknowledged by the server yet. */
  isPending = $state(false);

  constructor(
    readonly key: string,
    message: Message,
  ) {
    this.message = message;
  }

  get isOpen(): boolean {
    return this.message.status === "queued" || this.message.status === "running";
  }
}

export interface Draft {
  model: string;
  projectId: string;
  assistantId: string | null;
  instructions: string | null;
  parameters: Parameters | null;
  isTemporary: boolean;
  libraryIds: string[];
}

interface Pair {
  user: Message;
  answer: Message;
}

const ROOT = "";
const FRAME_MS = 30;

export class Chat {
  state = $state<"new" | "loading" | "ready" | "gone" | "failed">("new");
  id = $state<string | null>(null);
  summary = $state.raw<Summary | null>(null);
  instructions = $state<string | null>(null);
  parameters = $state.raw<Parameters | null>(null);
  /** The libraries that answers may read. */
  libraryIds = $state.raw<string[]>([]);
  /** Whether the feed flows. */
  isLive = $state(true);

  /** Called when a conversation has been fetched, before anything of it is drawn. */
  onOpened: () => void = () => {};

  #entries = $state.raw(new Map<string, Entry>());
  /** Which child is read where there are several; the newest where nothing is said. */
  #choices = $state.raw(new Map<string, string>());
  #feed: Feed | null = null;
  #dirty = new Set<Entry>();
  #frame = 0;
  #drawnAt = 0;

  #children = $derived.by(() => {
    const children = new Map<string, Entry[]>();
    for (const entry of this.#entries.values()) {
      const parent = entry.message.parent_id ?? ROOT;
      const siblings = children.get(parent);
      if (siblings) siblings.push(entry);
      else children.set(parent, [entry]);
    }
    for (const siblings of children.values()) {
      siblings.sort((a, b) => (a.message.created_at < b.message.created_at ? -1 : a.message.created_at > b.message.created_at ? 1 : 0));
    }
    return children;
  });

  /** The messages from the first to the last of the path that is read. */
  path = $derived.by(() => {
    const path: Entry[] = [];
    for (let at = ROOT; ; ) {
      const siblings = this.#children.get(at);
      if (!siblings?.length) return path;
      const chosen = this.#choices.get(at);
      const entry = siblings.find(({ message }) => message.id === chosen) ?? siblings.at(-1)!;
      path.push(entry);
      at = entry.message.id;
    }
  });

  /** The answer that is being written on this path, if any. */
  running = $derived(this.path.find((entry) => entry.isOpen) ?? null);

  /** The versions of a message: which one is read, of how many. */
  versions(entry: Entry): { at: number; all: Entry[] } {
    const all = this.#children.get(entry.message.parent_id ?? ROOT) ?? [entry];
    return { at: all.indexOf(entry), all };
  }

  /** Show conversation `id`; `messageId` says which message must be on the path. */
  async open(id: string, messageId?: string): Promise<void> {
    this.close();
    this.id = id;
    this.state = "loading";
    try {
      const conversation = await api.get<Conversation>(`/conversations/${id}`);
      if (this.id === id) this.#adopt(conversation, messageId);
    } catch (error) {
      if (this.id !== id) return;
      const isGone = error instanceof ApiError && (error.status === 404 || error.status === 403);
      this.state = isGone ? "gone" : "failed";
    }
  }

  /** A conversation that does not exist yet. */
  close(): void {
    this.#feed?.close();
    this.#feed = null;
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#dirty.clear();
    this.id = null;
    this.state = "new";
    this.summary = null;
    this.instructions = null;
    this.parameters = null;
    this.libraryIds = [];
    this.isLive = true;
    this.#entries = new Map();
    this.#choices = new Map();
  }

  /** Have `messageId` on the path. */
  reveal(messageId: string): void {
    const choices = new Map(this.#choices);
    for (let entry = this.#entries.get(messageId); entry; entry = this.#entries.get(entry.message.parent_id ?? ROOT)) {
      choices.set(entry.message.parent_id ?? ROOT, entry.message.id);
    }
    this.#choices = choices;
  }

  /** Read another version of a message, here and (later) wherever the conversation is opened. */
  choose(entry: Entry): void {
    const parent = entry.message.parent_id ?? ROOT;
    this.#choices = new Map(this.#choices).set(parent, entry.message.id);
    const last = this.path.at(-1);
    if (this.id && last && this.summary?.is_mine) {
      api.patch(`/conversations/${this.id}`, { shown_message_id: last.message.id }).catch(() => {
        // Only the place is not remembered.
      });
    }
  }

  /**
   * Ask `text` after `parentId`, with `files` (documents of this conversation) beside it; creates the conversation where there is none, by `draft`. The
   * question is shown at once. Throws `ApiError` where it was not accepted: then it is gone from
   * here again, and whoever called still has the text.
   */
  async ask(text: string, parentId: string | null, draft: Draft, clientId: string, trim = false, files: FileReference[] = [], whole = false): Promise<void> {
    const pending = this.#pend(text, parentId, clientId, files);
    try {
      if (this.id === null) await this.create(draft);
      const attachments = files.length ? { attachments: files.map(({ document_id }) => document_id) } : {};
      const body = { parent_id: parentId, text, client_id: clientId, ...attachments, ...(trim ? { trim } : {}), ...(whole ? { whole } : {}) };
      const { user, answer } = await api.post<Pair>(`/conversations/${this.id}/messages`, body);
      this.#acknowledge(pending, user);
      this.#introduce(answer);
    } catch (error) {
      this.#drop(pending);
      throw error;
    }
  }

  /** Have the question `parentId` answered once more. */
  async answerAgain(parentId: string, model?: string, trim = false): Promise<void> {
    const body = { parent_id: parentId, ...(model ? { model } : {}), ...(trim ? { trim } : {}) };
    this.#introduce(await api.post<Message>(`/conversations/${this.id}/answers`, body));
  }

  async goOn(entry: Entry): Promise<void> {
    const before = entry.message;
    const message = await api.post<Message>(`/conversations/${this.id}/messages/${before.id}/continue`);
    if (entry.message === before) this.put(message);
  }

  async stop(entry: Entry): Promise<void> {
    this.put(await api.post<Message>(`/conversations/${this.id}/messages/${entry.message.id}/stop`));
  }

  async rate(entry: Entry, rating: "up" | "down" | null, reason?: string): Promise<void> {
    const before = entry.message;
    entry.message = { ...before, rating, rating_reason: reason ?? null };
    try {
      await api.put(`/conversations/${this.id}/messages/${before.id}/rating`, { rating, ...(reason ? { reason } : {}) });
    } catch (error) {
      entry.message = { ...entry.message, rating: before.rating, rating_reason: before.rating_reason };
      throw error;
    }
  }

  /** Change model, instructions or parameters of the conversation. */
  async change(changes: { model?: string; instructions?: string | null; parameters?: Parameters | null; library_ids?: string[] }): Promise<void> {
    const before = this.summary;
    if (before && changes.model) this.summary = { ...before, model: changes.model };
    try {
      const summary = await api.patch<Summary>(`/conversations/${this.id}`, changes);
      this.#summarise(summary);
      if ("instructions" in changes) this.instructions = changes.instructions ?? null;
      if ("parameters" in changes) this.parameters = changes.parameters ?? null;
      if (changes.library_ids) this.libraryIds = changes.library_ids;
    } catch (error) {
      this.summary = before;
      throw error;
    }
  }

  /** Show a message as the server has it. */
  put(message: Message): void {
    const known = this.#entries.get(message.id);
    if (known) {
      // An answer of the server may be older than what the feed has told since.
      if (known.message.updated_at > message.updated_at) return;
      if (lengthOf(message) < lengthOf(known.message) && known.isOpen && message.status === "running") return;
      known.message = message;
      if (message.status !== "queued") known.queue = null;
      known.version += 1;
      return;
    }
    const twin = message.role === "user" ? this.#pendingTwin(message) : undefined;
    if (twin) {
      this.#acknowledge(twin, message);
      return;
    }
    this.#entries = new Map(this.#entries).set(message.id, new Entry(message.id, message));
    this.#choices = new Map(this.#choices).set(message.parent_id ?? ROOT, message.id);
  }

  /** Show a message that was just made, unless the feed was faster and knows how it went on. */
  #introduce(message: Message): void {
    if (!this.#entries.has(message.id)) this.put(message);
  }

  #adopt(conversation: Conversation, messageId?: string): void {
    const { messages, instructions, parameters, library_ids: libraryIds, feed, shown_message_id: shown, ...summary } = conversation;
    this.summary = summary;
    this.id = summary.id;
    this.instructions = instructions;
    this.parameters = parameters;
    this.libraryIds = libraryIds ?? [];
    if (messages.length || !this.#entries.size) {
      this.#entries = new Map(messages.map((message) => [message.id, new Entry(message.id, message)]));
      const wanted = messageId && this.#entries.has(messageId) ? messageId : shown;
      if (wanted) this.reveal(wanted);
    }
    this.onOpened();
    this.state = "ready";
    this.#follow(feed);
  }

  /** Have a conversation, still without messages, by `draft`. Throws `ApiError`. */
  async create(draft: Draft): Promise<void> {
    const conversation = await api.post<Conversation>("/conversations", {
      project_id: draft.projectId,
      model: draft.model,
      ...(draft.assistantId ? { assistant_id: draft.assistantId } : {}),
      ...(draft.instructions ? { instructions: draft.instructions } : {}),
      ...(draft.parameters ? { parameters: draft.parameters } : {}),
      ...(draft.isTemporary ? { is_temporary: true } : {}),
    });
    this.#adopt(conversation);
    if (draft.libraryIds.length) await this.change({ library_ids: draft.libraryIds });
  }

  /** The documents that went along with a question, in any branch. */
  attachedIds(): Set<string> {
    const ids = new Set<string>();
    for (const { message } of this.#entries.values()) {
      for (const part of message.parts) if (part.type === "files") for (const file of part.files) ids.add(file.document_id);
    }
    return ids;
  }

  #follow(from: string): void {
    const id = this.id;
    this.#feed?.close();
    this.#feed = follow(
      `/conversations/${id}/events`,
      {
        onEvent: (event) => this.id === id && this.#on(event),
        onState: (state) => (this.isLive = state === "open"),
        onRefused: (error) => {
          if (this.id === id && error.status === 404) this.state = "gone";
        },
      },
      from,
    );
  }

  #on(event: FeedEvent): void {
    const { type, data } = event as FeedEvent & ChatEvent;
    switch (type) {
      case "snapshot":
        this.#summarise(data.conversation);
        for (const message of data.messages) this.put(message);
        break;
      case "message":
        this.put(data);
        break;
      case "part": {
        const entry = this.#entries.get(data.message_id);
        if (!entry) break;
        entry.message.parts[data.part] = data.value;
        this.#touch(entry);
        break;
      }
      case "delta": {
        const entry = this.#entries.get(data.message_id);
        if (!entry) break;
        const part = (entry.message.parts[data.part] ??= { type: "text", text: "" });
        if ("text" in part) part.text += data.text;
        if (entry.message.status === "queued") entry.message = { ...entry.message, status: "running" };
        entry.queue = null;
        this.#touch(entry);
        break;
      }
      case "queued": {
        const entry = this.#entries.get(data.message_id);
        if (entry) entry.queue = data;
        break;
      }
      case "conversation":
        this.#summarise(data);
        break;
      case "deleted":
        this.#feed?.close();
        this.state = "gone";
        break;
    }
  }

  #summarise(summary: Summary): void {
    this.summary = { ...this.summary, ...summary };
    conversations.put(this.summary);
  }

  /** Draw `entry` again with one of the next frames: thirty a second are enough to read. */
  #touch(entry: Entry): void {
    this.#dirty.add(entry);
    if (!this.#frame) this.#frame = requestAnimationFrame(this.#draw);
  }

  #draw = (now: number): void => {
    if (now - this.#drawnAt < FRAME_MS) {
      this.#frame = requestAnimationFrame(this.#draw);
      return;
    }
    this.#frame = 0;
    this.#drawnAt = now;
    for (const dirty of this.#dirty) dirty.version += 1;
    this.#dirty.clear();
  };

  #pend(text: string, parentId: string | null, clientId: string, files: FileReference[]): Entry {
    const parts: Part[] = files.length ? [{ type: "files", files }] : [];
    const now = new Date().toISOString();
    const entry = new Entry(clientId, {
      id: clientId,
      parent_id: parentId,
      role: "user",
      status: "done",
      parts: [...parts, { type: "text", text }],
      model: null,
      receipt: null,
      error: null,
      rating: null,
      rating_reason: null,
      created_at: now,
      updated_at: now,
    });
    entry.isPending = true;
    this.#entries = new Map(this.#entries).set(clientId, entry);
    this.#choices = new Map(this.#choices).set(parentId ?? ROOT, clientId);
    return entry;
  }

  #pendingTwin(message: Message): Entry | undefined {
    const text = textOf(message);
    for (const entry of this.#entries.values()) {
      if (entry.isPending && entry.message.parent_id === message.parent_id && textOf(entry.message) === text) return entry;
    }
    return undefined;
  }

  #acknowledge(pending: Entry, message: Message): void {
    if (!pending.isPending) {
      this.put(message);
      return;
    }
    const entries = new Map<string, Entry>();
    for (const [id, entry] of this.#entries) {
      if (entry === pending) entries.set(message.id, pending);
      else if (id !== message.id) entries.set(id, entry);
    }
    pending.isPending = false;
    pending.message = message;
    this.#entries = entries;
    this.#choices = new Map(this.#choices).set(message.parent_id ?? ROOT, message.id);
  }

  #drop(pending: Entry): void {
    if (!pending.isPending) return;
    const entries = new Map(this.#entries);
    entries.delete(pending.message.id);
    this.#entries = entries;
  }
}

/** All text of a message. */
export function textOf(message: Message): string {
  return message.parts.map((part) => (part.type === "text" ? part.text : "")).filter(Boolean).join("\n\n");
}

function lengthOf(message: Message): number {
  return message.parts.reduce((sum, part) => sum + ("text" in part ? part.text.length : part.type === "tool" ? part.arguments.length : 1), 0);
}

/** About how many tokens a text is: good enough to warn, never to bill. */
export function tokensAbout(text: string): number {
  let wide = 0;
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0x24f) wide += 1;
  return Math.ceil((text.length - wide) / 3.8 + wide / 1.8);
}
