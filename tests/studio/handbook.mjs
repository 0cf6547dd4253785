// The handbook in a browser: wide and on a phone, light and dark, without a script, by keyboard.
// Usage: node handbook.mjs, with {"browser", "url"} as a line of JSON on stdin.

import assert from "node:assert/strict";
import { barriers, complaints, given, opened, run, until } from "./driver.mjs";

const PATHS = ["/docs/fr", "/docs/de/add-a-provider", "/docs/es/privacy", "/docs/it?q=budget", "/docs/en?q=xyzzy"];
const PHONE = { viewport: { width: 360, height: 740 } };

const flows = {
  "every kind of page is without barriers, wide and narrow, light and dark": async () => {
    for (const options of [{}, { ...PHONE, colorScheme: "dark" }, { colorScheme: "dark" }]) {
      const page = await opened(options);
      for (const path of PATHS) {
        await page.goto(given.url + path);
        assert.deepEqual(await barriers(page), [], path);
      }
      await page.context().close();
    }
  },

  "nothing is wider than a phone, and nothing is asked of anyone else": async () => {
    const page = await opened(PHONE);
    for (const path of PATHS) {
      await page.goto(given.url + path);
      const [content, screen] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      assert.ok(content <= screen, `${path}: ${content} > ${screen}`);
    }
    assert.deepEqual(complaints(page), []);
    for (const url of page.asked) assert.ok(url.startsWith(given.url), url);
  },

  "it is found, searched and read without a script": async () => {
    const page = await opened({ javaScriptEnabled: false, locale: "de-DE" });
    await page.goto(`${given.url}/docs`);
    assert.equal(page.url(), `${given.url}/docs/de`);
    await page.getByLabel("Im Handbuch suchen").fill("Passwort vergessen");
    await page.getByRole("button", { name: "Suchen" }).click();
    await page.getByRole("heading", { name: "Gefunden zu" }).waitFor();
    await page.locator(".results a").first().click();
    await page.getByRole("heading", { level: 1, name: "Anmelden" }).waitFor();
    assert.match(page.url(), /#wenn-sie-ihr-passwort-vergessen-haben$/);
    await page.getByRole("link", { name: "Français" }).click();
    await page.getByRole("heading", { level: 1, name: "Se connecter" }).waitFor();
    await page.locator(".turn .after").click();
    await page.getByRole("heading", { level: 1, name: "Poser une question" }).waitFor();
    assert.equal(await page.locator('.side [aria-current="page"]').innerText(), "Poser une question, lire la réponse");
  },

  "the keyboard goes straight to the text": async () => {
    const page = await opened();
    await page.goto(`${given.url}/docs/en/ask`);
    await page.keyboard.press("Tab");
    await until(() => page.evaluate(() => document.activeElement.textContent), "To the text");
    await page.keyboard.press("Enter");
    await until(() => page.evaluate(() => document.activeElement.id), "text");
  },
};

await run(flows, { apart: true });
