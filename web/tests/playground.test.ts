/** The playground, without a page: what is typed as JSON, what is asked, what figures say. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { findings } from "../src/lib/pages/playground/findings";
import { areGood, EXAMPLE_SCHEMA, EXAMPLE_TOOLS, numberOf, requestOf } from "../src/lib/pages/playground/inputs";
import { lineOf, readJson } from "../src/lib/pages/playground/jsontext";
import { python } from "../src/lib/pages/playground/snippets";

const EMPTY = { system: "", user: "Hello", parameters: {}, tools: "", form: "text" as const, schema: "", isBlind: false };
const taken = (first_token_ms: number | null, tokens_per_s: number | null, cost: string, cost_known = true, woken = false) => ({ first_token_ms, woken, tokens_per_s, cost, cost_known });

test("a mistake is found at its line", () => {
  const mistake = (text: string) => {
    const read = readJson(text);
    assert.ok("mistake" in read, text);
    return [read.mistake.line, read.mistake.column, read.mistake.expected];
  };
  assert.deepEqual(mistake('{\n  "a": 1,\n}'), [3, 1, "name"]);
  assert.deepEqual(mistake('{\n  "a" 1}'), [2, 7, "colon"]);
  assert.deepEqual(mistake("[1 2]"), [1, 4, "comma"]);
  assert.deepEqual(mistake("[1, nul]"), [1, 5, "value"]);
  assert.deepEqual(mistake('["a\nb"]'), [1, 2, "text"]);
  assert.deepEqual(mistake("{} {}"), [1, 4, "end"]);
  assert.deepEqual(mistake("[01]"), [1, 3, "comma"]);
  assert.deepEqual(mistake("["), [1, 2, "value"]);
  assert.equal(mistake("[".repeat(100_000))[2], "value");
});

test("what is right is what JSON.parse reads, and its parts have lines", () => {
  for (const text of [EXAMPLE_TOOLS, EXAMPLE_SCHEMA, '"\\u00e9"', "[ ]", "-1.5e3", '{"a":{"b":[null,true]}}']) {
    const read = readJson(text);
    assert.ok("value" in read, text);
    assert.deepEqual(read.value, JSON.parse(text));
  }
  const read = readJson('[\n {"function":\n  {"name": "a b"}}\n]');
  assert.ok("lines" in read);
  assert.equal(lineOf(read.lines, "0.function.name"), 3);
  assert.equal(lineOf(read.lines, "0.function.parameters.properties"), 3);
  assert.equal(lineOf(read.lines, "7"), 1);
});

test("numbers are read in either notation, within their ranges", () => {
  assert.equal(numberOf("temperature", " 0,5 "), 0.5);
  assert.equal(numberOf("temperature", "2.5"), undefined);
  assert.equal(numberOf("temperature", "warm"), undefined);
  assert.equal(numberOf("max_tokens", "1.5"), undefined);
  assert.equal(numberOf("frequency_penalty", "-2"), -2);
  assert.equal(numberOf("seed", ""), null);
});

test("what is typed becomes what is asked", () => {
  const typed = { ...EMPTY, system: "Be brief.", parameters: { temperature: "0.2", seed: "7", stop: "A\n\nB" }, tools: EXAMPLE_TOOLS };
  assert.ok(areGood(typed));
  const asked = requestOf(typed);
  assert.deepEqual(asked.messages.map(({ role }) => role), ["system", "user"]);
  assert.deepEqual(asked.parameters, { temperature: 0.2, seed: 7, stop: ["A", "B"] });
  assert.equal(asked.tools?.length, 1);
  assert.deepEqual(requestOf(EMPTY), { messages: [{ role: "user", content: "Hello" }], parameters: {}, tools: null, response_format: null });
  assert.ok(!areGood({ ...EMPTY, tools: "{}" }));
  assert.ok(!areGood({ ...EMPTY, form: "json_schema", schema: "[]" }));
  assert.ok(areGood({ ...EMPTY, schema: "[" })); // it is not asked for
});

test("figures say who was first, fastest and cheapest, or nothing", () => {
  assert.deepEqual(findings([taken(80, 30, "0.002"), taken(90, 40, "0.001"), null]), { first: 0, fastest: 1, cheapest: 1, areFree: false });
  assert.deepEqual(findings([taken(80, null, "0.002"), taken(80, 40, "0.002")]), { first: null, fastest: null, cheapest: null, areFree: false });
  assert.equal(findings([taken(1, 1, "0.1"), taken(2, 2, "0", false)]).cheapest, null);
  assert.equal(findings([taken(1, 1, "0.00"), taken(2, 2, "0")]).areFree, true);
  assert.equal(findings([taken(1, 1, "0")]).areFree, false);
});

test("who had to be woken is not compared in who spoke first", () => {
  const slept = taken(9000, 50, "0.001", true, true);
  assert.deepEqual(findings([taken(80, 30, "0.002"), taken(90, 40, "0.003"), slept]), { first: 0, fastest: 2, cheapest: 2, areFree: false });
  assert.equal(findings([taken(80, 30, "0"), slept]).first, null);
});

test("Python's own words stand in Python", () => {
  assert.equal(python({ a: [true, null, "é\n"], b: {} }), '{"a": [True, None, "é\\n"], "b": {}}');
});
