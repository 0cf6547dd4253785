// What the first visit costs: everything that is asked for, and its bytes as they travel.
// Usage: node weight.mjs, with {"browser", "url", "link"} as a line of JSON on stdin.

import assert from "node:assert/strict";
import { given, opened, run } from "./driver.mjs";

const MOST_BYTES = 200_000;
const MOST_REQUESTS = 15;

/** Visit `address` as somebody who has never been here; returns what was fetched until `seen`. */
async function visited(page, address, seen) {
  const client = await page.context().newCDPSession(page);
  await client.send("Network.enable");
  await client.send("Network.clearBrowserCache");
  const urls = new Map();
  let bytes = 0;
  client.on("Network.requestWillBeSent", ({ requestId, request }) => urls.set(requestId, request.url));
  client.on("Network.dataReceived", ({ encodedDataLength }) => (bytes += encodedDataLength));
  client.on("Network.responseReceived", ({ response }) => (bytes += response.encodedDataLength));
  await page.goto("about:blank");
  await page.goto(address);
  await seen(page);
  await page.waitForTimeout(1500); // what comes after the first sight counts, too
  return { bytes, urls: [...urls.values()].filter((url) => url.startsWith(given.url)) };
}

function check(what, { bytes, urls }) {
  console.error(`${what}: ${bytes} bytes in ${urls.length} requests`);
  assert.ok(urls.length <= MOST_REQUESTS, `${what}: ${urls.length} requests: ${urls.join(" ")}`);
  assert.ok(bytes <= MOST_BYTES, `${what}: ${bytes} bytes: ${urls.join(" ")}`);
}

let page;
const flows = {
  "the page for signing in": async () => {
    page = await opened();
    check("signing in", await visited(page, `${given.url}/#/signin`, (p) => p.getByLabel("E-mail").waitFor()));
  },

  "the first page of somebody who is signed in": async () => {
    await page.goto(given.link);
    await page.getByLabel("Your name").fill("Ada Keller");
    await page.getByLabel("E-mail").fill("ada@example.org");
    await page.getByLabel("New password").fill("seven grey herons over Sion");
    await page.getByRole("button", { name: "Make the account" }).click();
    await page.getByRole("button", { name: "Ada Keller", exact: true }).waitFor();
    check("the first page", await visited(page, `${given.url}/`, (p) => p.getByLabel("Your question").waitFor()));
  },
};

await run(flows);
