import type english from "../en/documents";
import type { Translation } from "../index.svelte";

const words: Translation<typeof english> = {};

export default words;
