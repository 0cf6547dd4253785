// Bundles the tests that need no browser and runs them with Node's own runner; exits as they end.
// (What needs a page is in ../../tests/studio.)

import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "vite";
import { svelte } from "@sveltejs/vite-plugin-svelte";

const here = new URL(".", import.meta.url).pathname;
const out = mkdtempSync(join(tmpdir(), "web-tests-"));
const names = readdirSync(here).filter((name) => name.endsWith(".test.ts"));

try {
  await build({
    configFile: false,
    logLevel: "error",
    root: join(here, ".."),
    plugins: [svelte()],
    resolve: { alias: { $lib: join(here, "../src/lib") } },
    build: {
      ssr: true,
      outDir: out,
      target: "node20",
      rolldownOptions: {
        input: Object.fromEntries(names.map((name) => [name.replace(/\.ts$/, ""), join(here, name)])),
        output: { entryFileNames: "[name].mjs" },
      },
    },
    ssr: { noExternal: true },
  });
  const files = names.map((name) => join(out, name.replace(/\.ts$/, ".mjs")));
  const ran = spawnSync(process.execPath, ["--test", "--test-reporter=dot", ...files], { stdio: "inherit" });
  process.exitCode = ran.status ?? 1;
} finally {
  rmSync(out, { recursive: true, force: true });
}
