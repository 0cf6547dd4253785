import type english from "../en/playground";
import type { Translation } from "../index.svelte";

const words: Translation<typeof english> = {};

export default words;
