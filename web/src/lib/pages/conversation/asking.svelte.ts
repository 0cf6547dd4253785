/**
 * Asking in a conversation: the question, the files that go along with it, and the conversation
 * that is made for the first of either. It knows nothing of how things look.
 */

import { tick } from "svelte";
import { api, ApiError } from "$lib/api/client";
import type { Document, FileReference } from "$lib/api/types";
import { Chat, type Entry } from "$lib/chat/chat.svelte";
import { refusal, type Refusal } from "$lib/chat/failure";
import { Reading } from "$lib/chat/reading.svelte";
import { conversations } from "$lib/conversations.svelte";
import { Attachments } from "$lib/documents/attachments.svelte";
import { t } from "$lib/i18n/index.svelte";
import { currentRoute, go } from "$lib/router.svelte";
import type { Chosen } from "./chosen.svelte";

/** As many as the server takes with one question; what is beyond is in the conversation all the same. */
const MOST_FILES = 50;

interface Unanswered {
  text: string;
  parentId: string | null;
  clientId: string;
}

export class Asking {
  /** Whether the model is to read what was brought here whole. */
  readsWhole = $state(false);
  /** Another conversation has others; those of the one that was left still arrive. */
  attachments = $state.raw(this.#none());
  #chat: Chat;
  #reading: Reading;
  #chosen: Chosen;
  #projectId: () => string | null;
  /** The conversation that was made here for what was attached, before anything was asked. */
  #made = "";
  /** What was sent without an answer may have arrived: sent again, it is the same question. */
  #unanswered: Unanswered | null = null;

  constructor(chat: Chat, reading: Reading, chosen: Chosen, projectId: () => string | null) {
    this.#chat = chat;
    this.#reading = reading;
    this.#chosen = chosen;
    this.#projectId = projectId;
  }

  /** Ask what the composer holds, with what was attached. */
  async send(text: string, trim: boolean): Promise<Refusal | null> {
    await this.attachments.sent();
    const last = this.#chat.path.at(-1)?.message.id ?? null;
    const files = this.attachments.documents.slice(0, MOST_FILES).map(({ id, name, kind, size_bytes }) => ({ document_id: id, name, kind, size_bytes }));
    const refused = await this.ask(text, last, trim, files, this.readsWhole);
    if (!refused) {
      this.attachments.forget();
      this.readsWhole = false;
    }
    return refused;
  }

  /** Ask the question `entry` in other words, with the files that it had. */
  askOtherwise(entry: Entry, text: string): Promise<Refusal | null> {
    const files = entry.message.parts.flatMap((part) => (part.type === "files" ? part.files : []));
    return this.ask(text, entry.message.parent_id, false, files);
  }

  /** Ask `text` after message `after` (null: first); returns why it was not accepted, or null. */
  async ask(text: string, after: string | null, trim = false, files: FileReference[] = [], whole = false): Promise<Refusal | null> {
    const projectId = this.#projectId();
    if (projectId === null) return { problem: t("noProject"), detail: "", canTrim: false };
    const { parentId, clientId } = this.#unanswered?.text === text ? this.#unanswered : { parentId: after, clientId: crypto.randomUUID() };
    this.#unanswered = null;
    this.#reading.follow();
    try {
      const asked = this.#chat.ask(text, parentId, await this.#chosen.draft(projectId), clientId, trim, files, whole);
      await tick();
      this.#reading.follow();
      await asked;
      this.#show();
      return null;
    } catch (error) {
      this.#show();
      if (!(error instanceof ApiError)) throw error;
      if (error.isOffline) {
        this.#unanswered = { text, parentId, clientId };
        return { problem: t("draftKept"), detail: "", canTrim: false };
      }
      const { problem, ...more } = refusal(error);
      return { problem: `${t("sendFailed")} ${problem}`, ...more };
    }
  }

  /** What was brought to conversation `id` and went along with no question yet. */
  async findAttached(id: string): Promise<void> {
    const chat = this.#chat;
    this.attachments.start(`/conversations/${id}`);
    if (chat.state !== "ready" || !chat.summary?.is_mine) return;
    try {
      const { data } = await api.get<{ data: Document[] }>(`/conversations/${id}/documents`);
      const sent = chat.attachedIds();
      if (chat.id === id && !this.attachments.items.length) this.attachments.start(`/conversations/${id}`, data.filter((document) => !sent.has(document.id)));
    } catch {
      // They are there all the same, and found by questions.
    }
  }

  /** Let go of what belongs to the conversation that was open; one that holds nothing is not kept. */
  leave(): void {
    const chat = this.#chat;
    const empty = chat.id === this.#made && chat.state === "ready" && !chat.path.length && !this.attachments.items.length ? chat.summary : null;
    this.#made = "";
    this.#unanswered = null;
    this.attachments.close();
    this.attachments = this.#none();
    if (empty) conversations.delete(empty).catch(() => undefined); // It is in the list, then.
  }

  #none(): Attachments {
    return new Attachments(() => this.#opened());
  }

  /** Where attached files go; there must be a conversation, even without a question yet. */
  async #opened(): Promise<string> {
    const chat = this.#chat;
    if (chat.id === null) {
      const projectId = this.#projectId();
      if (projectId === null) throw new ApiError(0, "no_project", t("noProject"));
      await chat.create(await this.#chosen.draft(projectId, true));
      this.#made = chat.id ?? "";
      go(`/c/${chat.id}`, true);
    }
    return `/conversations/${chat.id}`;
  }

  /** Have the address say which conversation is open. */
  #show(): void {
    const { id } = this.#chat;
    if (id && currentRoute().params.id !== id) go(`/c/${id}`, true);
  }
}
