import type english from "../en/catalogue";
import type { Translation } from "../index.svelte";

const words: Translation<typeof english> = {};

export default words;
