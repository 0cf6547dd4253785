// Builds the page of the renderer's browser tests. Usage: node build_page.mjs FOLDER

import { build } from "vite";
import { svelte } from "@sveltejs/vite-plugin-svelte";

const here = new URL(".", import.meta.url).pathname;
await build({
  configFile: false,
  logLevel: "error",
  root: `${here}page`,
  plugins: [svelte({ configFile: false, compilerOptions: { runes: true } })],
  resolve: { alias: { $lib: `${here}../src/lib` } },
  worker: { format: "es" },
  build: { outDir: process.argv[2], emptyOutDir: true, target: "es2022", assetsInlineLimit: 0, modulePreload: { polyfill: false } },
});
