/** The models, assistants and prompts that can be used now; fetched once, again when asked to. */

import { api } from "$lib/api/client";
import type { Assistant, Model, Prompt } from "$lib/api/types";

class Models {
  all = $state.raw<Model[]>([]);
  state = $state<"none" | "loading" | "ready" | "failed">("none");
  #projectId = "";
  #loading: Promise<void> = Promise.resolve();

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
    await this.#loading;
  }

  async #load(projectId: string): Promise<void> {
    try {
      const { data } = await api.get<{ data: Model[] }>("/assistant/models", { project_id: projectId });
      if (projectId !== this.#projectId) return;
      this.all = data;
      this.state = "ready";
    } catch {
      if (projectId === this.#projectId) this.state = "failed";
    }
  }

  named(name: string | null | undefined): Model | null {
    return this.all.find((model) => model.name === name) ?? null;
  }

  /** The model a new conversation begins with: the preferred one, else the best that is ready. */
  first(preferred: string | null | undefined): Model | null {
    const usable = this.all.filter((model) => !isBroken(model));
    return (
      usable.find((model) => model.name === preferred) ??
      usable.find((model) => model.is_capable && isUp(model)) ??
      usable.find((model) => model.is_capable) ??
      usable.find((model) => model.kind === "guide") ??
      usable[0] ??
      this.all[0] ??
      null
    );
  }

  get guide(): Model | null {
    return this.all.find((model) => model.kind === "guide") ?? null;
  }
}

/** Whether it answers at once, or in a moment: one that sleeps is woken. */
function isUp(model: Model): boolean {
  return model.state === "ready" || model.state === "asleep";
}

function isBroken(model: Model): boolean {
  return model.state === "failed" || model.state === "gone";
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
