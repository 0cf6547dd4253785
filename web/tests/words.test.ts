/** The five languages say the same things, with the same blanks; nothing is left in English. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { LANGUAGES, type Text } from "../src/lib/i18n/index.svelte";

const files = import.meta.glob<{ default: Record<string, Text> }>("../src/lib/i18n/*/*.ts", { eager: true });
const sources = import.meta.glob<string>(["../src/**/*.{ts,svelte}", "!../src/lib/i18n/*/*"], { query: "?raw", import: "default", eager: true });
const part = (language: string, name: string) => files[`../src/lib/i18n/${language}/${name}.ts`]!.default;
const texts = (text: Text): string[] => (typeof text === "string" ? [text] : Object.values(text));
const blanks = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]!).sort();

const names = Object.keys(files).flatMap((path) => path.match(/\/en\/(\w+)\.ts$/)?.[1] ?? []);

for (const name of names) {
  const english = part("en", name);
  for (const language of LANGUAGES) {
    const words = part(language, name);

    test(`${name} in ${language} has every key, none more`, () => {
      assert.deepEqual(Object.keys(words).sort(), Object.keys(english).sort());
    });

    test(`${name} in ${language} leaves the same blanks`, () => {
      for (const [key, text] of Object.entries(words)) {
        const wanted = new Set(texts(english[key]!).flatMap(blanks));
        for (const one of texts(text)) {
          assert.ok(one.trim(), `${key} is empty`);
          for (const blank of blanks(one)) assert.ok(wanted.has(blank), `${key}: {${blank}}`);
        }
        assert.deepEqual(new Set(texts(text).flatMap(blanks)), wanted, key);
      }
    });

    test(`${name} in ${language} is plain: no exclamation, no straight apostrophe`, () => {
      for (const [key, text] of Object.entries(words)) {
        for (const one of texts(text)) {
          assert.ok(!/[!¡]/.test(one), `${key}: ${one}`);
          assert.ok(!/\p{L}'\p{L}/u.test(one), `${key}: ${one}`);
        }
      }
    });
  }
}

test("numbers choose their form", () => {
  for (const language of LANGUAGES) {
    for (const text of Object.values({ ...part(language, "core"), ...part(language, "pages") })) {
      if (typeof text !== "string") assert.ok(text.one && text.other);
    }
  }
});

test("every key is said somewhere", () => {
  const code = Object.values(sources).join("\n");
  const said = new Set(code.match(/(?<=(["'`]))\w+(?=\1)/g));
  const beginnings = [...code.matchAll(/`(\w+_)\$\{/g)].map((match) => match[1]!);
  const keys = names.flatMap((name) => Object.keys(part("en", name)));
  assert.ok(keys.length > 1000 && beginnings.includes("chart_"));
  assert.deepEqual(keys.filter((key) => !said.has(key) && !beginnings.some((begin) => key.startsWith(begin))), []);
});
