// Who the browser flows are about: how they come in, what page they look at, what they ask the API.
// It knows no page of the app but the one that a one-time link opens.

import assert from "node:assert/strict";
import { barriers, given, opened } from "./driver.mjs";

export const PASSWORD = "seven grey herons over Sion";

/** Wait until everything on the page has been fetched. */
export async function settled(page) {
  await page.waitForFunction(() => !document.querySelector(".skeleton"));
}

/** Show `path` of the app on a page that has it open. */
export async function at(page, path) {
  await page.goto("about:blank"); // else what is seen next may still be the page before
  await page.goto(`${given.url}/#/${path}`);
  await page.locator("h1").first().waitFor();
  await settled(page);
}

/** Become a member through a one-time link as its page has it, `email` where it asks for one. */
export async function accept(page, link, name, email) {
  await page.goto(link);
  await page.getByLabel("Your name").fill(name);
  if (email) await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("New password").fill(PASSWORD);
  await page.getByRole("button", { name: "Make the account" }).click();
  await page.getByRole("button", { name, exact: true }).waitFor();
}

/** Become a member through a one-time link; returns their page. */
export async function arrived(link, name, email) {
  const page = await opened();
  await accept(page, link, name, email);
  return page;
}

/** Become a member through a one-time link without its page; returns a page that is still empty. */
export async function joined(link, name) {
  const page = await opened();
  const email = `${name.split(" ")[0].toLowerCase()}@example.org`;
  await api(page, "POST", "/links/accept", { token: link.split("/").at(-1), password: PASSWORD, name, email, language: "en" });
  return page;
}

/** Ask the API as the page's own member. */
export async function api(page, method, path, body) {
  const response = await page.context().request.fetch(`${given.url}/api/v1${path}`, {
    method,
    headers: { "x-tramontane": "1", origin: given.url },
    ...(body === undefined ? {} : { data: body }),
  });
  assert.ok(response.ok(), `${method} ${path}: ${response.status()} ${await response.text()}`);
  return response.status() === 204 ? null : response.json();
}

/** Whether the gateway knows a model of that name, for who has `key`. */
export async function isServed(model, key = given.key) {
  const answer = await fetch(`${given.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
  return answer.ok && (await answer.json()).data.some(({ id }) => id === model); // a new key is not known at once
}

/** Open `path` on `page`, and what the button `opens` (a selector) opens there. */
async function shown({ page, path, opens }) {
  await at(page, path);
  if (!opens) return page.locator("main");
  await page.locator(opens).first().click();
  await page.getByRole("dialog").waitFor();
  await settled(page);
  return page.getByRole("dialog");
}

/**
 * What is wrong with any of `looks` ({page, path, opens}): wider than its window or with a barrier,
 * in both themes, wide and narrow; not in one of the languages whole, where `words` (a pattern) has
 * what none of them says besides. Leaves the pages in English, light and wide.
 */
export async function flaws(looks, words) {
  const found = [];
  const pages = new Set(looks.map(({ page }) => page));
  const reset = async (colorScheme, width) => {
    for (const page of pages) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await page.setViewportSize({ width, height: 820 });
    }
  };
  for (const [colorScheme, width] of [["light", 1280], ["light", 390], ["dark", 1280], ["dark", 390]]) {
    await reset(colorScheme, width);
    for (const look of looks) {
      await shown(look);
      const over = await look.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      const wrong = [...(over > 0 ? [`${over} pixels too wide`] : []), ...(await barriers(look.page))];
      found.push(...wrong.map((flaw) => `${look.path} ${look.opens ?? ""} ${colorScheme} ${width}: ${flaw}`));
    }
  }
  await reset("light", 1280);
  const gap = new RegExp(String.raw`(?<!\{)\{\w+\}(?!\})|\b(?:undefined|NaN|${words})\b`, "g");
  for (const language of ["fr", "de", "es", "it", "en"]) {
    for (const page of pages) {
      await api(page, "PATCH", "/me", { language });
      await page.reload();
    }
    for (const look of language === "en" ? [] : looks) {
      const text = await (await shown(look)).innerText();
      found.push(...(text.match(gap) ?? []).map((flaw) => `${look.path} ${look.opens ?? ""} ${language}: ${flaw}`));
    }
  }
  return found;
}
