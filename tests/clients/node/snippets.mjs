// Prints the code that the playground shows: a line of JSON with cases on stdin, one with texts on
// stdout. The app's own module is taken as it stands, its types left out.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const web = new URL("../../../web/", import.meta.url);
const typescript = createRequire(new URL("package.json", web))("typescript");
const source = readFileSync(new URL("src/lib/pages/playground/snippets.ts", web), "utf8");
const { outputText } = typescript.transpileModule(source, {
  compilerOptions: { module: typescript.ModuleKind.ESNext, target: typescript.ScriptTarget.ES2022 },
});
const { CLIENTS, snippet } = await import(`data:text/javascript,${encodeURIComponent(outputText)}`);
const { origin, model, asked } = JSON.parse(readFileSync(0, "utf8"));
console.log(JSON.stringify(Object.fromEntries(CLIENTS.map((client) => [client, asked.map((each) => snippet(client, origin, model, each))]))));
