// What the browser flows share: a Chromium, the line protocol with the Python side, contexts that
// keep a log of everything they ask, and axe. Each flow is told as a line {"flow", "error"}; a line
// {"please", …} asks the Python side to do something, and waits for its answer.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { isDeepStrictEqual } from "node:util";
import { chromium } from "playwright-core";

const AXE = new URL("../../web/node_modules/axe-core/axe.min.js", import.meta.url);
const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

export const given = JSON.parse((await input.next()).value);
export const tell = (line) => console.log(JSON.stringify(line));

/** Ask the Python side for `what`; returns its answer. */
export async function please(what, values = {}) {
  tell({ please: what, ...values });
  return JSON.parse((await input.next()).value);
}

export const browser = await chromium.launch({
  executablePath: given.browser,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});

// Only who waits in vain waits so long: a flow on two busy cores may take its time.
const PATIENCE_MS = 60_000;

// What has no patience of its own (a page's script, an answer's end) is left behind after this.
const FLOW_MS = 240_000;

/** A page of a browser of its own; `page.said` are its complaints, `page.asked` what it asked. */
export async function opened(options = {}) {
  const context = await browser.newContext({ locale: "en-GB", reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  page.said = [];
  page.asked = [];
  page.on("console", (message) => message.type() === "error" && page.said.push(message.text()));
  page.on("pageerror", (error) => page.said.push(error.message));
  page.on("request", (request) => page.asked.push(request.url()));
  return page;
}

/** Do `act`, which sends `method` to the API, and wait for the answer: much is shown before it. */
export async function answered(page, method, act) {
  const isIt = (response) => response.request().method() === method && response.url().includes("/api/");
  const [response] = await Promise.all([page.waitForResponse(isIt), act()]);
  return response;
}

/** Wait until `read` gives `wanted`; in vain, the error says what it gave last. */
export async function until(read, wanted) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await read();
    if (isDeepStrictEqual(found, wanted) || Date.now() > end) return assert.deepEqual(found, wanted);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Open the search by its keys and look for `words`; keys that come before it is there are lost. */
export async function search(page, words) {
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: "Search" }).fill(words);
}

/** What `page` said that is no mere report of a refusal, which the flows look at themselves. */
export function complaints(page) {
  return page.said.filter((text) => !text.startsWith("Failed to load resource"));
}

/** The rules of axe that `page` breaks, with the elements. */
export async function barriers(page) {
  const has = await page.evaluate(() => "axe" in globalThis);
  if (!has) await page.evaluate(readFileSync(AXE, "utf8"));
  return page.evaluate(async () => {
    const { violations } = await globalThis.axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target.join(" ")} ${failureSummary?.split("\n")[1] ?? ""}`).slice(0, 4).join("; ")}`);
  });
}

/** Fail once a flow has taken too long. */
async function late(flow) {
  await new Promise((resolve) => setTimeout(resolve, FLOW_MS).unref());
  throw new Error(`"${flow}" had not ended after ${FLOW_MS / 1000} s`);
}

/**
 * Run `flows` but those that are left out, each after the one before, and tell of each. `apart`: no
 * flow needs a page of another, so what one leaves open is closed; it would go on drawing.
 */
export async function run(flows, { apart = false } = {}) {
  for (const [flow, each] of Object.entries(flows)) {
    if (given.left_out?.includes(flow)) continue;
    const error = await Promise.race([each(), late(flow)]).then(() => null, (failure) => String(failure.stack ?? failure));
    if (apart) for (const context of browser.contexts()) await context.close();
    tell({ flow, error });
  }
  await Promise.race([browser.close(), late("closing the browser").catch(() => {})]);
  process.exit(0);
}
