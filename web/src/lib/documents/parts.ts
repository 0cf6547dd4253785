/** What of an answer is fetched only where an answer has it, each with its words. */

import { loadWords } from "$lib/i18n/index.svelte";

async function worded<T>(component: Promise<{ default: T }>): Promise<T> {
  const [module] = await Promise.all([component, loadWords("documents")]);
  return module.default;
}

export const loadSources = () => worded(import("./Sources.svelte"));
export const loadViewer = () => worded(import("./Viewer.svelte"));
export const loadChips = () => worded(import("./Chips.svelte"));
export const loadChoice = () => worded(import("./LibraryChoice.svelte"));
export const loadWhole = () => worded(import("./Whole.svelte"));
export const loadProgress = () => worded(import("./Progress.svelte"));

export async function loadMarks(): Promise<typeof import("./marks")> {
  const [module] = await Promise.all([import("./marks"), loadWords("documents")]);
  return module;
}
