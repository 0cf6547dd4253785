// An embedded assistant as a visitor meets it, on other sites, in a real Chromium. Each flow is told
// to the caller as a line {"flow", "error"}.
// Usage: node embed.mjs, with {"browser", "platform", "sites", "embeds"} as a line of JSON on stdin:
// `sites` are an allowed origin, one that is not, and one with a strict policy of its own.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const given = JSON.parse((await input.next()).value);
const { platform, sites, embeds } = given;

const browser = await chromium.launch({
  executablePath: given.browser,
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

/** Open a site that holds an embed; `page.said` are its complaints, `page.asked` what it asked. */
async function opened(site, query, options = {}) {
  const context = await browser.newContext({ locale: "en-GB", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.said = [];
  page.asked = [];
  page.on("console", (message) => message.type() === "error" && page.said.push(message.text()));
  page.on("pageerror", (error) => page.said.push(error.message));
  page.on("request", (request) => page.asked.push(request.url()));
  await page.goto(`${site}/?${new URLSearchParams({ platform, ...query })}`);
  return page;
}

const inside = (page) => page.frameLocator("iframe");

/** Wait until the frame of `page` is loaded, and so its script has run. */
async function loaded(page) {
  await inside(page).getByRole("textbox").waitFor();
  await page.frames().find((one) => one.url().includes("/embed/")).waitForLoadState();
}

/** Wait until `isSo`; else `said` is the error. */
async function until(isSo, said) {
  for (let n = 0; n < 600 && !(await isSo()); n++) await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok(await isSo(), said());
}

async function asked(page, text) {
  await loaded(page);
  await inside(page).getByRole("textbox").fill(text);
  await inside(page).getByRole("textbox").press("Enter");
}

const AXE = readFileSync(new URL("../../web/node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

/** The rules of axe that the frame of `page` breaks. */
async function barriers(page) {
  const frame = page.frames().find((one) => one.url().includes("/embed/"));
  await frame.evaluate(AXE);
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  return frame.evaluate(async (values) => {
    const { violations } = await globalThis.axe.run(document, { runOnly: { type: "tag", values } });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" | ")}`);
  }, tags);
}

const flows = {
  "a question and its answer": async () => {
    const page = await opened(sites.allowed, { embed: embeds.good, label: "Ask the office" });
    const button = page.getByRole("button", { name: "Ask the office" });
    assert.equal(await button.getAttribute("aria-expanded"), "false");
    assert.ok(!page.asked.some((url) => url.includes("/embed/")), "nothing is loaded unasked");
    await button.press("Enter");
    const frame = inside(page);
    await frame.getByText("You are writing with an AI, not with a person").waitFor();
    assert.equal(await frame.getByRole("heading", { level: 1 }).innerText(), "Ask <the> office");
    await loaded(page);
    await frame.getByRole("button", { name: "A form asks who belongs to my household" }).click();
    await frame.getByText("The AI wrote").waitFor();
    const answer = frame.locator("article.assistant").last();
    await answer.getByText("Who counts?").waitFor();
    await frame.getByRole("button", { name: "Send" }).waitFor();
    assert.equal(await answer.getAttribute("aria-busy"), null);
    await page.getByRole("dialog").press("Escape");
    await page.getByRole("button", { name: "Ask the office" }).waitFor();
    assert.deepEqual(page.said, []);
    const own = page.asked.filter((url) => !url.startsWith(sites.allowed) && !url.startsWith(platform));
    assert.deepEqual(own, []);
  },

  "markup is text, and loads nothing": async () => {
    const page = await opened(sites.allowed, { embed: embeds.good, target: "1" });
    await asked(page, "markup");
    const answer = inside(page).locator("article.assistant").last();
    await answer.locator("strong").getByText("bold").waitFor();
    await inside(page).getByRole("button", { name: "Send" }).waitFor();
    assert.deepEqual(await answer.locator("a").evaluateAll((all) => all.map((a) => [a.href, a.rel])), ["http://evil.example/y", "https://good.example/", `${platform}/docs/en/embed`].map((url) => [url, "noopener noreferrer nofollow"]));
    assert.equal(await answer.locator("img").count(), 0);
    assert.match(await answer.innerText(), /<img src/);
    assert.ok(!page.asked.some((url) => url.includes("evil.example")));
    assert.deepEqual(page.said, []);
  },

  "code, lists and headings": async () => {
    const page = await opened(sites.allowed, { embed: embeds.good, target: "1" });
    await asked(page, '[[standin answer="# Head\\n\\nFirst line\\nsecond *line*\\n\\n1. one\\n2. two `code`\\n\\n- dot\\n\\n```py\\nif x:\\n    y\\n```\\nEnd."]] layout');
    const answer = inside(page).locator("article.assistant").last();
    await answer.getByText("End.").waitFor();
    await inside(page).getByRole("button", { name: "Send" }).waitFor();
    const shape = await answer.locator("div").evaluate((div) => [...div.children].map((child) => child.tagName));
    assert.deepEqual(shape, ["P", "P", "OL", "UL", "PRE", "P"]);
    assert.equal(await answer.locator("pre").innerText(), "if x:\n    y");
    assert.equal(await answer.locator("ol li").count(), 2);
  },

  "its conversation stays in the tab": async () => {
    const page = await opened(sites.allowed, { embed: embeds.good, target: "1" });
    await asked(page, "remember this");
    await inside(page).locator("article.assistant").getByText("remember this").waitFor();
    await inside(page).getByRole("button", { name: "Send" }).waitFor();
    await page.reload();
    await inside(page).locator("article.assistant").getByText("remember this").waitFor();
    await inside(page).getByRole("button", { name: "New conversation" }).click();
    await until(async () => (await inside(page).locator("article").count()) === 0, () => "it is still there");
    await inside(page).getByRole("button", { name: "A form asks" }).waitFor();
    await page.reload();
    await inside(page).getByRole("button", { name: "A form asks" }).waitFor();
    await loaded(page);
    assert.equal(await inside(page).locator("article").count(), 0);
  },

  "an answer can be stopped": async () => {
    const page = await opened(sites.allowed, { embed: embeds.good, target: "1" });
    await asked(page, "[[standin tokens=5000 tps=20]] long");
    const answer = inside(page).locator("article.assistant").last();
    await answer.locator("p").waitFor();
    await inside(page).getByRole("button", { name: "Stop" }).click();
    await inside(page).getByRole("button", { name: "Send" }).waitFor();
    const text = await answer.innerText();
    assert.ok(text.length < 5000);
    await asked(page, "and on");
    await inside(page).locator("article.assistant").last().getByText("and on").waitFor();
  },

  "a site that is not allowed": async () => {
    const page = await opened(sites.refused, { embed: embeds.good, label: "Ask" });
    await page.getByRole("button", { name: "Ask" }).click();
    await page.getByText("This assistant may not be shown on this site").waitFor();
    await until(() => page.said.some((text) => /frame-ancestors|Content Security Policy/i.test(text)), () => page.said.join());
    await until(async () => (await page.locator("iframe").count()) === 0, () => "the frame is still there");
  },

  "a budget that is spent": async () => {
    const page = await opened(sites.allowed, { embed: embeds.poor, target: "1" });
    await asked(page, "is there anything left?");
    await inside(page).getByText("has used up what it may spend for now").waitFor();
    await inside(page).getByRole("button", { name: "Try again" }).waitFor();
    const shown = await inside(page).locator("body").innerText();
    assert.ok(!/USD|budget|default/.test(shown), shown);
    assert.match(shown, /is there anything left\?/);
  },

  "a place in the queue": async () => {
    const busy = await opened(sites.allowed, { embed: embeds.good, target: "1" });
    await asked(busy, "[[standin tokens=5000 tps=40]] slow");
    await inside(busy).locator("article.assistant p").waitFor();
    const page = await opened(sites.allowed, { embed: embeds.good, target: "1" });
    await asked(page, "waiting");
    await inside(page).getByText(/You are number 1 in the queue/).waitFor();
    await inside(busy).getByRole("button", { name: "Stop" }).click();
    await inside(page).locator("article.assistant").getByText("waiting").waitFor();
  },

  "a site with a strict policy": async () => {
    const page = await opened(sites.strict, { embed: embeds.good, label: "Ask" });
    await page.getByRole("button", { name: "Ask" }).click();
    await inside(page).getByRole("textbox").waitFor();
    let box;
    const isWide = async () => (box = await page.getByRole("dialog").boundingBox()).width > 300 && box.height > 300;
    await until(isWide, () => JSON.stringify(box));
    assert.deepEqual(page.said, []);
  },

  "five languages": async () => {
    const words = { fr: "Vous écrivez à une IA", de: "Sie schreiben mit einer KI", es: "Está escribiendo con una IA", it: "Sta scrivendo con una IA" };
    for (const [lang, text] of Object.entries(words)) {
      const page = await opened(sites.allowed, { embed: embeds.good, target: "1", lang });
      await inside(page).getByText(text).waitFor();
      assert.equal(await inside(page).locator("html").getAttribute("lang"), lang);
      await page.context().close();
    }
  },

  "no barrier that axe finds": async () => {
    for (const colorScheme of ["light", "dark"]) {
      const page = await opened(sites.allowed, { embed: embeds.good, target: "1" }, { colorScheme });
      await inside(page).getByRole("textbox").waitFor();
      assert.deepEqual(await barriers(page), []);
      await asked(page, "layout `code` and **more**");
      await inside(page).locator("article.assistant").getByText("more").waitFor();
      await inside(page).getByRole("button", { name: "Send" }).waitFor();
      assert.deepEqual(await barriers(page), []);
      await page.context().close();
    }
  },

  "on a phone, in the dark": async () => {
    const page = await opened(sites.allowed, { embed: embeds.good, label: "Ask" }, { viewport: { width: 360, height: 640 }, colorScheme: "dark" });
    await page.getByRole("button", { name: "Ask" }).click();
    await inside(page).getByRole("textbox").waitFor();
    let box;
    const fills = async () => {
      box = await page.getByRole("dialog").boundingBox();
      return box.x === 0 && box.y === 0 && box.width === 360 && box.height === 640;
    };
    await until(fills, () => JSON.stringify(box));
    await loaded(page);
    assert.ok(await inside(page).locator("body").evaluate((body) => body.scrollWidth <= 360));
    if (given.pictures) await page.screenshot({ path: `${given.pictures}/embed-phone-dark.png` });
    await inside(page).getByRole("button", { name: "Close" }).click();
    await page.getByRole("button", { name: "Ask" }).waitFor();
  },
};

for (const [flow, run] of Object.entries(flows)) {
  let error = null;
  try {
    await run();
  } catch (caught) {
    error = String(caught.stack || caught);
  }
  for (const context of browser.contexts()) await context.close();
  console.log(JSON.stringify({ flow, error }));
}
await browser.close();
