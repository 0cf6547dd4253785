/** The renderer alone on a page, for the browser tests. */

import "../../src/app.css";
import { setLanguage } from "../../src/lib/i18n/index.svelte";
import { LiveDocument } from "../../src/lib/markdown/document";
import { highlighted } from "../../src/lib/markdown/highlight";
import { sortBy } from "../../src/lib/markdown/tables";
import { allTypeset } from "../../src/lib/markdown/typeset";

await setLanguage("en");

/** Resolves when nothing is left to be coloured or typeset. */
async function settled(): Promise<void> {
  await allTypeset();
  await highlighted();
}

Object.assign(window, { renderer: { LiveDocument, settled, sortBy } });
