// How long the app takes in a browser, for benchmarks/assistant.py: until it can be used, until a
// long conversation stands there, and whether anything blocks while it is scrolled.
// Usage: node speed.mjs, with {"browser", "url", "email", "password", "conversation", "rounds"} as a
// line of JSON on stdin. Writes one line of JSON, times in milliseconds.

import { browser, given, opened } from "./driver.mjs";

const middle = (times) => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)];
const WIDE = { viewport: { width: 1280, height: 900 } };

const first = await opened(WIDE);
await first.goto(`${given.url}/#/signin`);
await first.getByLabel("E-mail").fill(given.email);
await first.getByLabel("Password", { exact: true }).fill(given.password);
await first.getByRole("button", { name: "Sign in" }).click();
await first.getByLabel("Your question", { exact: true }).waitFor();
const storageState = await first.context().storageState();
await first.context().close();

/** Milliseconds until `selector` stands in a page that has just been told to go somewhere. */
async function until(page, begin, selector) {
  return page.evaluate(
    async ({ begin, selector }) => {
      const began = performance.now();
      if (begin) location.hash = begin;
      while (!document.querySelector(selector)) await new Promise(requestAnimationFrame);
      await new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame(seen)));
      return begin ? performance.now() - began : performance.now();
    },
    { begin, selector },
  );
}

const usable = [];
const shown = [];
let longest = 0;
for (let round = 0; round < given.rounds; round++) {
  const page = await opened({ ...WIDE, storageState });
  await page.goto(given.url, { waitUntil: "commit" }); // nothing is cached in a new context
  usable.push(await until(page, null, "textarea:not([disabled])"));
  await page.getByRole("button", { name: /^Model: \w/ }).waitFor();
  shown.push(await until(page, `#/c/${given.conversation}`, ".turn.assistant .prose"));
  longest = Math.max(
    longest,
    await page.evaluate(async () => {
      let most = 0;
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) most = Math.max(most, duration);
      }).observe({ entryTypes: ["longtask"] });
      const area = [...document.querySelectorAll("*")].find(
        (node) => node.scrollHeight > node.clientHeight + 2000 && /auto|scroll/.test(getComputedStyle(node).overflowY),
      );
      for (let n = 0; n < 60; n++) {
        area.scrollTop -= 900;
        await new Promise(requestAnimationFrame);
      }
      await new Promise((end) => setTimeout(end, 300));
      return area ? most : -1;
    }),
  );
  await page.context().close();
}
console.log(JSON.stringify({ usable: middle(usable), shown: middle(shown), longest }));
await browser.close();
process.exit(0);
