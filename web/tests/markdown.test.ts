/** The parser's blocks: what is mathematics, what is a link, and what a growing text settles. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { blocks, healed, normal } from "../src/lib/markdown/parse";
import { decimalSign } from "../src/lib/markdown/tables";
import { filled, variablesOf } from "../src/lib/chat/prompts";

const html = (text: string, isOpen = false) =>
  blocks(text, { references: {} }, isOpen)
    .map((block) => (block.code ? `[${block.code.language}]${block.code.text}` : block.html))
    .join("");

test("mathematics in its four forms, and prices stay prices", () => {
  assert.match(html("so $a^2$ is"), /<span class="math">a\^2<\/span>/);
  assert.match(html("so \\(a<b\\) is"), /<span class="math">a&lt;b<\/span>/);
  assert.match(html("$$\na\n$$"), /^<div class="math display">a<\/div>/);
  assert.match(html("text\n\\[\nx + y\n\\]\nmore"), /<p dir="auto">text<\/p>\n<div class="math display">x \+ y<\/div>\n<p dir="auto">more<\/p>/);
  for (const text of ["$5 and $10", "it costs 5$ or 6$ each", "a $ b $ c", "`$x$`", "US$5 to US$7"]) {
    assert.ok(!html(text).includes("math"), text);
  }
  assert.ok(!html("$$\nnot closed\n\nnext").includes("math"));
  assert.match(html("$$\nnot closed yet", true), /math display pending/);
});

test("links lead to the web, to mail and to the handbook only", () => {
  assert.match(html("[a](https://x.example/y)"), /<a href="https:\/\/x\.example\/y" target="_blank" rel="noopener noreferrer nofollow">/);
  assert.match(html("[a](/docs/en/start)"), /href="\/docs\/en\/start"/);
  assert.match(html("[a](mailto:a@b.example)"), /href="mailto:/);
  for (const target of ["javascript:x", "data:text/html,x", "//x.example", "/api/v1/session", "vbscript:x", "file:///x", "#/c/1", "docs"]) {
    assert.ok(!html(`[a](${target})`).includes("<a"), target);
  }
});

test("pictures are links with their words, never pictures", () => {
  const shown = html("![a cat](https://x.example/cat.png) [![b](https://x.example/b.png)](https://x.example/)");
  assert.ok(!shown.includes("<img"));
  assert.match(shown, /<a class="picture" href="https:\/\/x\.example\/cat\.png"[^>]*>a cat<\/a>/);
  assert.match(shown, /<span class="picture">b<\/span><\/a>/);
});

test("HTML is text", () => {
  assert.equal(html("<b>x</b>"), '<p dir="auto">&lt;b&gt;x&lt;/b&gt;</p>\n');
});

test("what is begun is shown as if it were ended", () => {
  assert.equal(healed("a **bold"), "a **bold**");
  assert.equal(healed("a **bold*"), "a **bold**");
  assert.equal(healed("see [the minutes](https://x.exa"), "see the minutes");
  assert.equal(healed("see [the min"), "see the min");
  assert.equal(healed("run `make"), "run `make`");
  assert.equal(healed("a **"), "a ");
  assert.equal(healed("done.\n\nnext"), "done.\n\nnext");
  assert.equal(healed("```\n**x"), "```\n**x");
});

test("line ends count once, and a prefix stays a prefix", () => {
  const text = "a\r\nb\rc\nd\r\n";
  for (let at = 0; at <= text.length; at++) assert.ok(normal(text).startsWith(normal(text.slice(0, at))));
});

test("which sign stands before the decimals", () => {
  assert.equal(decimalSign(["12,450.5", "8,900"]), ".");
  assert.equal(decimalSign(["12.450,5", "8.900"]), ",");
  assert.equal(decimalSign(["3,5", "4,25"]), ",");
  assert.equal(decimalSign(["1 234,5", "7"]), ",");
  assert.equal(decimalSign(["1,234,567", "2,345"]), ".");
});

test("prompts know their variables", () => {
  const body = "Write to {{ name }} about {{subject}}; sign as {{name}}.";
  assert.deepEqual(variablesOf(body), ["name", "subject"]);
  assert.equal(filled(body, { name: "Ada" }), "Write to Ada about {{subject}}; sign as Ada.");
});
