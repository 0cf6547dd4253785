/** What deploying from a card begins with, and what follows from the card's facts. */

import type { Card, HubFile, HubFiles, Offer, Pull } from "$lib/api/catalogue";

/** Where the dialog begins: at an offer, a file to fetch, one that is being fetched; else as the card suggests. */
export interface Begin {
  offer?: Offer;
  source?: string;
  pull?: Pull;
}

export type Way = "here" | "provider" | "address";

/** So long the gateway may take to learn of a deployment that is served elsewhere: before, it says that there is none. */
const SERVED_WITHIN_MS = 2000;

/** Wait until what has just been entered can be asked. */
export function served(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SERVED_WITHIN_MS));
}

export const RUNNING = ["queued", "fetching", "verifying"];

/** A name for a deployment, from a model's id or a file: "ministral-8b". */
export function nameFrom(model: string): string {
  const last = model.split(/[/:]/).at(-1) ?? "";
  return last.replace(/\.gguf$/i, "").toLowerCase().replace(/[^a-z0-9._-]+/g, "-").replace(/^[^a-z0-9]+/, "").slice(0, 60);
}

/** `wanted`, or with a number where it is taken. */
export function free(wanted: string, taken: string[]): string {
  let found = wanted;
  for (let at = 2; taken.includes(found); at++) found = `${wanted}-${at}`;
  return found;
}

/** Where the model's files are, "hf:ORG/REPO"; empty where nobody says. Files for llama.cpp come first. */
export function repositoryOf(card: Card): string {
  const file = card.files.find(({ uri }) => uri.startsWith("hf:") && /gguf/i.test(uri)) ?? card.files.find(({ uri }) => uri.startsWith("hf:"));
  if (file) return repositoryIn(file.uri);
  const repository = card.fields.repository?.value;
  return typeof repository === "string" && /^[\w.-]+\/[\w.-]+$/.test(repository) ? `hf:${repository}` : "";
}

/** All repositories that hold the model's files, in lower case. */
export function repositoriesOf(card: Card): string[] {
  const repository = card.fields.repository?.value;
  const found = card.files.filter(({ uri }) => uri.startsWith("hf:")).map(({ uri }) => repositoryIn(uri));
  return [...(typeof repository === "string" ? [`hf:${repository}`] : []), ...found].map((each) => each.toLowerCase());
}

/** "hf:ORG/REPO" of "hf:ORG/REPO:FILE". */
export function repositoryIn(source: string): string {
  return source.split(":").slice(0, 2).join(":");
}

/** FILE of "hf:ORG/REPO:FILE"; empty where it names none. */
export function fileIn(source: string): string {
  return source.split(":").slice(2).join(":");
}

/** Whether a text is an address at a hub. */
export function isSource(text: string): boolean {
  return /^hf:[\w.-]+\/[\w.-]+(:[^\s]+)?$/.test(text.trim());
}

/** The largest file that fits: more bits are a better answer. */
export function bestFile(files: HubFile[]): HubFile | null {
  const fitting = files.filter(({ fits }) => fits === "yes");
  const sorted = (fitting.length ? fitting : files.filter(({ fits }) => fits === "tight")).toSorted((a, b) => b.size_bytes - a.size_bytes);
  return sorted[0] ?? null;
}

/** Bytes of the machine's memory: all, and what is free now; null where the system does not say. */
export function memoryOf({ memory }: HubFiles): { total: number; available: number } | null {
  const { total_bytes: total, available_bytes: available } = memory;
  return total && available !== null ? { total, available } : null;
}

/** Whether the licence limits who may use the model or what for; null: nobody says what it is. */
export function isRestricted(card: Card | null): boolean | null {
  const licence = card?.fields.licence?.value;
  if (card?.licence_terms?.is_free === false) return true;
  if (typeof licence === "string" && /(^|[^a-z])nc([^a-z]|$)|non-?commercial|research/i.test(licence)) return true;
  if (card?.openness === "restricted_weights") return true;
  return typeof licence === "string" ? false : null;
}
