// Pictures of an embedded assistant on a town's site. Usage: node embed_screenshots.mjs, with
// {"browser", "site", "folder"} as a line of JSON on stdin.

import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const given = JSON.parse((await input.next()).value);
const browser = await chromium.launch({ executablePath: given.browser, args: ["--no-sandbox", "--disable-gpu"] });
for (const [look, colorScheme, viewport] of [
  ["light", "light", { width: 1200, height: 800 }],
  ["dark", "dark", { width: 1200, height: 800 }],
  ["phone", "light", { width: 390, height: 844 }],
]) {
  const page = await browser.newPage({ colorScheme, viewport, locale: "fr-CH" });
  await page.goto(given.site);
  await page.getByRole("button", { name: "Poser une question" }).click();
  const frame = page.frameLocator("iframe");
  await frame.getByRole("button", { name: "Un formulaire demande qui compose mon foyer" }).click();
  await frame.getByRole("button", { name: "Envoyer" }).waitFor();
  await frame.getByText("laquelle s'applique").waitFor();
  await page.waitForTimeout(300);
  await page.screenshot({ path: `${given.folder}/embed-${look}.png` });
  await page.close();
}
await browser.close();
process.exit(0);
