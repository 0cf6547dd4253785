// The catalogue and what follows from it as people use it: find, compare, deploy, try; engines;
// models offered to other projects. One platform for all; flows go on where the ones before ended.
// Usage: node catalogue.mjs, with {"browser", "url", "link", "key", "standin", "files"} as a line of
// JSON on stdin.

import assert from "node:assert/strict";
import { complaints, given, opened, run } from "./driver.mjs";

const PASSWORD = "seven grey herons over Sion";
const people = {}; // pages of those who are signed in: ada (administrator), nina (member)

/** Show `path` of the app on a page that has it open. */
async function at(page, path) {
  await page.goto("about:blank"); // else what is seen next may still be the page before
  await page.goto(`${given.url}/#/${path}`);
  await page.locator("h1").first().waitFor();
  await settled(page);
}

/** Wait until everything on the page has been fetched. */
async function settled(page) {
  await page.waitForFunction(() => !document.querySelector(".skeleton"));
}

/** Become a member through a one-time link; returns their page. */
async function arrived(link, name, email) {
  const page = await opened();
  await page.goto(link);
  await page.getByLabel("Your name").fill(name);
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("New password").fill(PASSWORD);
  await page.getByRole("button", { name: "Make the account" }).click();
  await page.getByRole("button", { name, exact: true }).waitFor();
  return page;
}

/** Ask the API as the page's own member. */
async function api(page, method, path, body) {
  const response = await page.context().request.fetch(`${given.url}/api/v1${path}`, {
    method,
    headers: { "x-tramontane": "1", origin: given.url },
    ...(body === undefined ? {} : { data: body }),
  });
  assert.ok(response.ok(), `${method} ${path}: ${response.status()} ${await response.text()}`);
  return response.status() === 204 ? null : response.json();
}

const flows = {
  "an administrator and a member come in": async () => {
    people.ada = await arrived(given.link, "Ada Keller", "ada@example.org");
    const { url } = await api(people.ada, "POST", "/invitations", { project_id: "default", role: "member" });
    people.nina = await arrived(url, "Nina Roth", "nina@example.org");
    assert.deepEqual(complaints(people.ada), []);
  },
};

await run(flows);
