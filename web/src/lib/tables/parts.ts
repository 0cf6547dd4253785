/** What of an answer about tables is fetched only where an answer has it, with its words. */

import { loadWords } from "$lib/i18n/index.svelte";

async function worded<T>(component: Promise<{ default: T }>): Promise<T> {
  const [module] = await Promise.all([component, loadWords("tables")]);
  return module.default;
}

export const loadResult = () => worded(import("./ResultCard.svelte"));
export const loadStart = () => worded(import("./Start.svelte"));
