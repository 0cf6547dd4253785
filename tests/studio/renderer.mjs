// The renderer of answers on a page of its own, under the product's policy, in a real Chromium.
// Usage: node renderer.mjs, with {"browser", "folder", "headers", "samples"} as a line of JSON.

import assert from "node:assert/strict";
import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { given, opened, run } from "./driver.mjs";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".woff2": "font/woff2" };

const server = createServer((request, response) => {
  const path = join(given.folder, normalize(request.url === "/" ? "/index.html" : request.url.split("?")[0]));
  if (!existsSync(path)) return response.writeHead(404).end();
  response.writeHead(200, { ...given.headers, "content-type": TYPES[extname(path)] ?? "application/octet-stream" });
  return createReadStream(path).pipe(response);
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
server.unref();
const url = `http://127.0.0.1:${server.address().port}`;

// Texts whose blocks change their kind while they arrive.
const TRICKY = [
  "para\n===\n\nnext\n---\n",
  "para\n---a\n***\n- - -\n",
  "a | b\n--- | ---\n1 | 2\n\nafter",
  "text\n| a | b |\n|---|---|\n| 1 | 2 |\nnot a row?\n\nend",
  "- one\n\n  still one\n- two\n    - deep\n\n      deeper\n\nout",
  "1. a\n1. b\n\n\n   c\n- x\n",
  "> quote\nlazy\n---a\n> more\n\nout",
  "```js\nlet a = 1;\n\n```\n~~~\nopen to the end\n",
  "    code\n\n    more code\n\ntext",
  "[a]: https://a.example/\n\nsee [a] and [b]\n\n[b]: https://b.example/ 'title'\n",
  "a $x$ b\n$$\ny\n$$\nc \\(z\\)\n\n$$\nnever closed\n\nend",
  "para ```\n```js`x\nis no fence",
  "# head\n#no head\n####### no head\n",
  "**bold *both*** `code` ~~gone~~ __x__\n\n* * *\n\n*a*b",
  "line\r\nline\rline\n\r\n- a\r\n- b",
  "| a |\n|:-:|\n| 1,5 |\n| 22,25 |\n| 3 |\n",
  "<div>\n\n**x**\n\n</div>\n",
  "\n\n\n   \nlate start\n\n\n",
  "😀 👩‍👩‍👧 é e\u0301 שלום\n\nمرحبا\n",
  "",
];

async function fresh() {
  const page = await opened();
  await page.goto(url);
  await page.waitForFunction(() => "renderer" in globalThis);
  return page;
}

/** In the page: the markup that `texts`, each a list of pieces, end as. */
async function rendered(lists) {
  const { LiveDocument, settled } = globalThis.renderer;
  const found = [];
  for (const pieces of lists) {
    const root = document.createElement("div");
    root.className = "prose";
    document.querySelector("main").append(root);
    const shown = new LiveDocument(root);
    let text = "";
    for (const piece of pieces) {
      text += piece;
      shown.update(text);
    }
    shown.finish(text);
    await settled();
    await settled();
    found.push(root.outerHTML);
    root.remove();
  }
  return found;
}

/** `count` ways to cut `text`, and before them into its letters where it is not longer than `most`. */
function* cuts(text, seed, count, most) {
  let state = seed;
  const next = () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;
  if (text.length <= most) yield [...text];
  for (let n = 0; n < count; n++) {
    const pieces = [];
    for (let at = 0; at < text.length; ) {
      const size = 1 + Math.floor(next() ** 3 * (n % 2 ? 12 : 200));
      pieces.push(text.slice(at, at + size));
      at += size;
    }
    yield pieces;
  }
}

/** Draw every text in so many cuts, each of which must end as the text at once; returns their number. */
async function tried(count, most) {
  const page = await fresh();
  let number = 0;
  for (const [n, text] of [...TRICKY, ...Object.values(given.samples)].entries()) {
    const [whole] = await page.evaluate(rendered, [[text]]);
    const ends = await page.evaluate(rendered, [...cuts(text, n + 1, count, most)]);
    for (const [at, end] of ends.entries()) assert.equal(end, whole, `text ${n}, cut ${at}: ${JSON.stringify(text.slice(0, 60))}`);
    number += ends.length;
  }
  assert.deepEqual(page.said, []);
  return number;
}

const flows = {
  "any cut of a text ends as the text at once": async () => {
    assert.ok((await tried(3, 500)) > 80);
  },

  "so does every letter on its own": async () => { // slow
    assert.ok((await tried(8, 1500)) > 180);
  },

  "a block that is complete is never drawn again": async () => {
    const page = await fresh();
    const { blocks, redrawn } = await page.evaluate(async (text) => {
      const { LiveDocument, settled } = globalThis.renderer;
      const root = document.getElementById("shown");
      const shown = new LiveDocument(root);
      const known = [];
      let redrawn = 0;
      for (let at = 0; at < text.length; at += 3) {
        shown.update(text.slice(0, at));
        const nodes = [...root.children];
        // All but the last two: the last may change, and the one before where a line has not ended.
        nodes.slice(0, -2).forEach((node, n) => {
          if (known[n] && known[n] !== node) redrawn += 1;
          known[n] = node;
        });
      }
      shown.finish(text);
      await settled();
      [...root.children].forEach((node, n) => {
        if (known[n] && known[n] !== node) redrawn += 1;
      });
      return { blocks: root.children.length, redrawn };
    }, given.samples.report.repeat(4));
    assert.ok(blocks > 40);
    assert.equal(redrawn, 0);
  },

  "markup, pictures and schemes do nothing and ask nobody": async () => {
    const page = await fresh();
    const text = given.samples.malicious;
    const seen = await page.evaluate(async ([text]) => {
      const { LiveDocument, settled } = globalThis.renderer;
      const root = document.getElementById("shown");
      const shown = new LiveDocument(root);
      for (let at = 0; at < text.length; at += 5) shown.update(text.slice(0, at));
      shown.finish(text);
      await settled();
      root.querySelectorAll("*").forEach((node) => {
        for (const type of ["mouseover", "focus", "load", "error", "toggle"]) node.dispatchEvent(new Event(type));
      });
      await new Promise((resolve) => setTimeout(resolve, 300));
      const all = [...root.querySelectorAll("*")];
      return {
        owned: globalThis.owned,
        tags: [...new Set(all.map((node) => node.localName))].sort(),
        handlers: all.flatMap((node) => node.getAttributeNames().filter((name) => name.startsWith("on") || name === "src")),
        links: all.filter((node) => node.localName === "a").map((node) => [node.getAttribute("href"), node.rel, node.target]),
        tallest: Math.max(...[...root.children].map((node) => node.getBoundingClientRect().height)),
      };
    }, [text]);
    assert.equal(seen.owned, undefined);
    for (const tag of ["img", "script", "iframe", "style", "link", "form", "input", "object", "image", "base", "meta", "video"]) {
      assert.ok(!seen.tags.includes(tag), tag);
    }
    assert.deepEqual(seen.handlers, []);
    assert.ok(seen.links.length > 3);
    for (const [href, rel, target] of seen.links) {
      assert.match(href, /^(https?:\/\/|mailto:|\/docs)/);
      assert.deepEqual([rel, target], ["noopener noreferrer nofollow", "_blank"]);
    }
    assert.ok(seen.tallest < 1200, `${seen.tallest} px`);
    assert.ok(page.asked.every((asked) => asked.startsWith(`${url}/`)), page.asked.join("\n"));
    assert.deepEqual(page.said, []);
  },

  "code is coloured, formulas are set, tables sort": async () => {
    const page = await fresh();
    const seen = await page.evaluate(async (text) => {
      const { LiveDocument, settled, sortBy } = globalThis.renderer;
      const root = document.getElementById("shown");
      new LiveDocument(root).finish(text);
      await settled();
      const table = root.querySelector("table");
      const rooms = [...table.querySelectorAll("td[data-room]")].map((cell) => cell.dataset.room);
      const column = (at) => [...table.tBodies[0].rows].map((row) => row.cells[at].textContent);
      const [name, , now] = table.querySelectorAll("th button");
      const orders = [column(0)];
      for (const button of [now, now, now, name]) {
        sortBy(button);
        orders.push(column(0));
      }
      return {
        keywords: [...root.querySelectorAll(".h-keyword")].map((node) => node.textContent),
        code: root.querySelector("pre code").textContent,
        formulas: root.querySelectorAll(".katex").length,
        rooms,
        orders,
        sorted: name.closest("th").ariaSort,
      };
    }, given.samples.report);
    assert.ok(seen.keywords.includes("def") && seen.keywords.includes("return"));
    assert.match(seen.code, /^def growth\(before: float[\s\S]*# compound$/);
    assert.equal(seen.formulas, 3);
    assert.deepEqual(seen.rooms, ["\u2008\u2007", "\u2008\u2007\u2007", "\u2008\u2007", "\u2007"]);
    assert.deepEqual(seen.orders[1], ["Town hall", "Culture", "Roads", "Schools"]);
    assert.deepEqual(seen.orders[2], ["Schools", "Roads", "Culture", "Town hall"]);
    assert.deepEqual(seen.orders[3], seen.orders[0]);
    assert.deepEqual(seen.orders[4], ["Culture", "Roads", "Schools", "Town hall"]);
    assert.equal(seen.sorted, "ascending");
    assert.deepEqual(page.said, []);
  },

  "each block takes its own direction": async () => {
    const page = await fresh();
    const seen = await page.evaluate(async (text) => {
      const { LiveDocument, settled } = globalThis.renderer;
      const root = document.getElementById("shown");
      new LiveDocument(root).finish(text);
      await settled();
      return [...root.children].map((node) => `${node.localName} ${getComputedStyle(node.querySelector("table") ?? node).direction}`);
    }, given.samples.arabic);
    assert.deepEqual(seen, ["h2 rtl", "p rtl", "ol rtl", "blockquote rtl", "p ltr", "div rtl"]);
  },

  "twenty thousand tokens cost each frame little": async () => {
    const page = await fresh();
    const paragraph = "The wind blows from the **north** and is cold and dry; it clears the `sky` over the gulf.\n\n- first\n- second\n\n";
    const { blocks, drawn } = await page.evaluate(async (text) => {
      const { LiveDocument } = globalThis.renderer;
      const root = document.getElementById("shown");
      const shown = new LiveDocument(root);
      const seen = new Set();
      let drawn = 0;
      new MutationObserver((records) => records.forEach((record) => record.addedNodes.forEach((node) => {
        if (node.parentNode === root && !seen.has(node)) drawn += 1;
        seen.add(node);
      }))).observe(root, { childList: true });
      for (let at = 0; at < text.length; at += 400) shown.update(text.slice(0, at));
      shown.finish(text);
      await new Promise((resolve) => setTimeout(resolve));
      return { blocks: root.children.length, drawn };
    }, paragraph.repeat(700));
    assert.equal(blocks, 1400);
    assert.ok(drawn <= 1400 * 1.3, `${drawn} blocks were drawn for ${blocks}`);
  },
};

await run(flows, { apart: true });
