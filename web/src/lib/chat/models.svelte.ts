/** The models, assistants and prompts that can be used now; fetched once, again when asked to. */

import { api } from "$lib/api/client";
import type { Assistant, Model, Prompt } from "$lib/api/types";
import { chosenFrom } from "./choice";

class Models {
  all = $state.raw<Model[]>([]);
  state = $state<"none" | "loading" | "ready" | "failed">("none");
  #projectId = "";
  #loading: Promise<void> = Promise.resolve();
  #asked = 0;

  /** Have the models of a project; `again`: even where they are known. */
  async load(projectId: string, again = false): Promise<void> {
    if (projectId === this.#projectId && !again && this.state !== "failed") return;
    this.#projectId = projectId;
    if (this.state === "none") this.state = "loading";
    this.#loading = this.#load(projectId);
    await this.#loading;
  }

  /** Wait until they are known, or cannot be. */
  async known(): Promise<void> {
    let known: Promise<void>;
    do await (known = this.#loading);
    while (known !== this.#loading);
  }

  async #load(projectId: string): Promise<void> {
    const asked = ++this.#asked;
    try {
      const { data } = await api.get<{ data: Model[] }>("/assistant/models", { project_id: projectId });
      if (asked !== this.#asked) return; // A newer list is on its way.
      this.all = data;
      this.state = "ready";
    } catch {
      if (asked === this.#asked) this.state = "failed";
    }
  }

  named(name: string | null | undefined): Model | null {
    return this.all.find((model) => model.name === name) ?? null;
  }

  /** The model of that name, where there is one by now: looks again where it is not known here. */
  async find(name: string, projectId: string): Promise<Model | null> {
    await this.known();
    if (projectId !== this.#projectId || !this.named(name)) await this.load(projectId, true);
    return this.named(name);
  }

  /** The model a new conversation begins with; `documents`: one that brings some along. */
  first(preferred: string | null | undefined, documents: boolean): Model | null {
    return chosenFrom(this.all, preferred, documents);
  }

  get guide(): Model | null {
    return this.all.find((model) => model.kind === "guide") ?? null;
  }
}

/** A list of the API, fetched when it is first needed. */
class Shelf<Thing> {
  all = $state.raw<Thing[]>([]);
  state = $state<"none" | "loading" | "ready" | "failed">("none");

  constructor(readonly path: string) {}

  async load(again = false): Promise<void> {
    if (this.state === "loading" || (this.state === "ready" && !again)) return;
    if (this.state !== "ready") this.state = "loading";
    try {
      this.all = (await api.get<{ data: Thing[] }>(this.path)).data;
      this.state = "ready";
    } catch {
      this.state = "failed";
    }
  }
}

export const models = new Models();
export const assistants = new Shelf<Assistant>("/assistants");
export const prompts = new Shelf<Prompt>("/prompts");
