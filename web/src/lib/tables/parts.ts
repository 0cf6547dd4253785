/** What of an answer about tables is fetched only where an answer has it, with its words. */

import { loadWords } from "$lib/i18n/index.svelte";

export const loadResult = async () => {
  const [module] = await Promise.all([import("./ResultCard.svelte"), loadWords("tables")]);
  return module.default;
};
