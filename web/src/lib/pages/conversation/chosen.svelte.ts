/**
 * What is chosen for a conversation: model, assistant, instructions, parameters, libraries. Before
 * there is one, this is what it will begin with. It knows nothing of questions, nor how it looks.
 */

import { ApiError } from "$lib/api/client";
import type { Assistant, Parameters } from "$lib/api/types";
import type { Chat, Draft } from "$lib/chat/chat.svelte";
import { assistants, models } from "$lib/chat/models.svelte";
import { t } from "$lib/i18n/index.svelte";
import { currentRoute } from "$lib/router.svelte";
import { session } from "$lib/session.svelte";

/** What a new conversation begins with, until it is there. */
class Beginning {
  model = $state("");
  /** Whether somebody has chosen that model, or an assistant asks for it. */
  isModelChosen = false;
  /** Whether files came along before the first question. */
  hasFiles = false;
  assistantId = $state<string | null>(null);
  instructions = $state<string | null>(null);
  parameters = $state.raw<Parameters | null>(null);
  libraryIds = $state.raw<string[]>([]);
  isTemporary = $state(false);
}

export class Chosen {
  /** The model that the address names, where it cannot be used. */
  missing = $state<string | null>(null);
  #chat: Chat;
  #projectId: () => string | null;
  #beginning = $state.raw(new Beginning());
  /** Another model on its way to the server: whoever asks at once asks that one. */
  #changing: Promise<unknown> = Promise.resolve();

  constructor(chat: Chat, projectId: () => string | null) {
    this.#chat = chat;
    this.#projectId = projectId;
  }

  get isNew(): boolean {
    return this.#chat.state === "new";
  }

  get model(): string {
    return this.#chat.summary?.model ?? this.#beginning.model;
  }

  get assistantId(): string | null {
    return this.#chat.summary?.assistant_id ?? this.#beginning.assistantId;
  }

  get assistant(): Assistant | null {
    return assistants.all.find(({ id }) => id === this.assistantId) ?? null;
  }

  get instructions(): string | null {
    return this.isNew ? this.#beginning.instructions : this.#chat.instructions;
  }

  get parameters(): Parameters | null {
    return this.isNew ? this.#beginning.parameters : this.#chat.parameters;
  }

  get hasSetup(): boolean {
    return Boolean(this.instructions || (this.parameters && (this.isNew || Object.keys(this.parameters).length)));
  }

  get libraryIds(): string[] {
    return this.isNew ? this.#beginning.libraryIds : this.#chat.libraryIds;
  }

  /** Whether the conversation is, or will be, a temporary one. */
  get isTemporary(): boolean {
    return this.isNew ? this.#beginning.isTemporary : Boolean(this.#chat.summary?.is_temporary);
  }

  /** Begin with nothing that was chosen before. */
  startAnew(): void {
    this.#beginning = new Beginning();
    this.#beginning.model = this.#firstModel();
  }

  beginTemporary(on: boolean): void {
    this.#beginning.isTemporary = on;
  }

  beginWithLibrary(id: string): void {
    this.#beginning.libraryIds = [id];
    this.#chooseAgain();
  }

  beginWithModel(name: string): void {
    this.#beginning.model = name;
    this.#beginning.isModelChosen = true;
  }

  /** Begin with an assistant (or none), and with the model that it asks for. */
  beginWithAssistant(id: string | null): void {
    this.#beginning.assistantId = id;
    const wanted = assistants.all.find((one) => one.id === id)?.model;
    if (wanted && models.named(wanted)) this.beginWithModel(wanted);
  }

  /** Have the model that the address names, or say that it cannot be used. */
  async beginWithNamed(wanted: string, projectId: string): Promise<void> {
    const found = await models.find(wanted, projectId);
    if (!this.isNew || namedModel() !== wanted || this.#projectId() !== projectId) return;
    this.#beginning.model = found?.name ?? "";
    this.#beginning.isModelChosen = found !== null;
    this.missing = found || models.state === "failed" ? null : wanted;
  }

  /** Choose another model where the one to begin with is not there, or not there any more. */
  keepModel(): void {
    if (models.state !== "ready" || models.named(this.#beginning.model)) return;
    this.#beginning.isModelChosen = false;
    this.#chooseAgain();
  }

  /** Throws ApiError. */
  async setModel(name: string): Promise<void> {
    if (this.isNew) this.beginWithModel(name);
    else await (this.#changing = this.#chat.change({ model: name }));
  }

  /** Throws ApiError. */
  async setLibraries(ids: string[]): Promise<void> {
    if (this.isNew) {
      this.#beginning.libraryIds = ids;
      this.#chooseAgain();
    } else await this.#chat.change({ library_ids: ids });
  }

  /** Returns why that could not be kept, or null. */
  async setUp(instructions: string | null, parameters: Parameters | null): Promise<string | null> {
    if (this.isNew) {
      this.#beginning.instructions = instructions;
      this.#beginning.parameters = parameters;
      return null;
    }
    try {
      await this.#chat.change({ instructions, parameters });
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  }

  /**
   * What a conversation is made from. Whoever is quicker than the list of models waits for it: the
   * draft names one. `hasFiles`: it is made for what was attached. Throws ApiError where the address names one that cannot be used.
   */
  async draft(projectId: string, hasFiles = false): Promise<Draft> {
    await models.known();
    await this.#changing.catch(() => undefined); // whoever chose it was told
    const beginning = this.#beginning;
    beginning.hasFiles ||= hasFiles;
    if (!beginning.model || hasFiles) this.#chooseAgain();
    const wanted = namedModel();
    if (!beginning.model && wanted) {
      // No code of the server's: what it says is in the reader's words already.
      if (!(await models.find(wanted, projectId)) && models.state === "ready") throw new ApiError(404, "model_unusable", t("modelUnusable", { model: wanted }));
      beginning.model = wanted;
    }
    const { model, assistantId, instructions, parameters, isTemporary, libraryIds } = beginning;
    return { model, projectId, assistantId, instructions, parameters, isTemporary, libraryIds };
  }

  /** None where the address names one that is not there: nobody asked for another. */
  #firstModel(): string {
    const wanted = namedModel();
    const { hasFiles, libraryIds } = this.#beginning;
    return (wanted ? models.named(wanted) : models.first(session.preferences.default_model, hasFiles || libraryIds.length > 0))?.name ?? "";
  }

  /** What comes along may ask for another model, where nobody has chosen one. */
  #chooseAgain(): void {
    if (!this.#beginning.isModelChosen || !this.#beginning.model) this.#beginning.model = this.#firstModel();
  }
}

/** The model that the address names, if any. */
function namedModel(): string | null {
  return currentRoute().query.get("model");
}
