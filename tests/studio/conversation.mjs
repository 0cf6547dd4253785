// The conversation as a person uses it, on a real platform with the guide and a scripted model.
// Usage: node conversation.mjs, with {"browser", "url", "link"} as a line of JSON on stdin.

import assert from "node:assert/strict";
import { answered, barriers, complaints, given, opened, please, run, search, until } from "./driver.mjs";

const PASSWORD = "seven grey herons over Sion";
let state;

/** A page of the one who is signed in; `path` is the hash route. */
async function at(path = "/", options = {}) {
  const page = await opened({ storageState: state, viewport: { width: 1280, height: 900 }, ...options });
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.goto(`${given.url}/#${path}`);
  return page;
}

const field = (page) => page.getByLabel("Your question", { exact: true });
const receipts = (page) => page.getByRole("button", { name: /^Receipt: / });
const answer = (page) => page.locator(".turn.assistant").last();
const list = (page) => page.getByRole("navigation", { name: "Conversations" });
const written = (page, text) => until(() => field(page).inputValue(), text);
const turns = (page, count) => until(() => page.locator(".turn").count(), count);
const hasFocus = (node) => node === document.activeElement;

async function choose(page, model) {
  await page.getByRole("button", { name: /^Model: / }).click();
  await page.getByRole("menuitemradio", { name: new RegExp(`^${model}`) }).click();
}

/** Ask in the open conversation; waits for the whole answer unless told otherwise. */
async function ask(page, text, { wait = true, model } = {}) {
  await page.getByRole("button", { name: /^Model: \w/ }).waitFor();
  if (model) await choose(page, model);
  const before = await receipts(page).count();
  await field(page).fill(text);
  await page.keyboard.press("Enter");
  await page.locator(".turn.user").filter({ hasText: text }).last().waitFor();
  if (wait) await receipts(page).nth(before).waitFor();
}

const flows = {
  "first contact": async () => {
    const page = await opened({ viewport: { width: 1280, height: 900 } });
    await page.goto(given.link);
    await page.getByLabel("Your name").fill("Ada Keller");
    await page.getByLabel("E-mail").fill("ada@example.org");
    await page.getByLabel("New password").fill(PASSWORD);
    await page.getByRole("button", { name: "Make the account" }).click();
    await page.getByRole("heading", { name: "Ada, what would you like to know?" }).waitFor();
    await page.getByText("not by people. They can be wrong").waitFor();
    state = await page.context().storageState();
    await until(() => page.locator(".offers li").count(), 2);
    for (const [width, height] of [[1280, 900], [1360, 860], [1366, 768]]) {
      await page.setViewportSize({ width, height });
      await until(async () => {
        const [offer, composer] = [await page.locator(".offers li").last().boundingBox(), await page.locator(".bottom").boundingBox()];
        return `${width}x${height}: ${offer.y + offer.height <= composer.y ? "nothing lies" : "the composer lies"} over the last offer`;
      }, `${width}x${height}: nothing lies over the last offer`);
    }
    assert.deepEqual(await barriers(page), []);
    await answered(page, "PATCH", () => page.getByRole("button", { name: "Understood" }).click());
    await page.getByRole("button", { name: "Understood" }).waitFor({ state: "detached" });
    const again = await at();
    await again.locator(".offers li").first().waitFor();
    assert.equal(await again.getByRole("button", { name: "Understood" }).count(), 0);
    await again.getByText("Answers are written by a machine").waitFor();
    assert.deepEqual([...complaints(page), ...complaints(again)], []);
  },

  "the first page is few and light requests to one server": async () => {
    const page = await opened({ storageState: state });
    // What waits for an idle moment comes after the first page, except on a machine that is slow.
    await page.addInitScript(() => {
      const later = globalThis.setTimeout;
      globalThis.setTimeout = (act, ms = 0, ...given) => later(act, ms < 300 ? ms : 3_600_000, ...given);
    });
    const sizes = new Map();
    const client = await page.context().newCDPSession(page);
    await client.send("Network.enable");
    client.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => sizes.set(requestId, encodedDataLength));
    await page.goto(given.url);
    await page.locator(".offers li").first().waitFor();
    assert.ok(page.asked.length <= 15, page.asked.join("\n"));
    assert.ok(page.asked.every((url) => url.startsWith(`${given.url}/`)));
    const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    assert.ok(total <= 200_000, `${total} bytes`);
  },

  "the guide answers with one press": async () => {
    const page = await at();
    await page.getByRole("button", { name: /^Ask how Tramontane works/ }).click();
    await receipts(page).first().waitFor();
    assert.match(page.url(), /#\/c\/conv_/);
    assert.match(await receipts(page).first().innerText(), /^guide · on this server · \d+ tokens · free$/);
    await list(page).getByText("What is Tramontane").waitFor();
    assert.deepEqual(complaints(page), []);
  },

  "an answer and its receipt": async () => {
    const page = await at();
    await ask(page, "What does the report say?", { model: "large" });
    await page.locator(".prose .katex").first().waitFor();
    await page.locator(".prose .h-keyword").first().waitFor();
    await until(() => page.locator(".prose table").count(), 1);
    await receipts(page).first().click();
    const panel = page.getByRole("complementary", { name: "Evidence" });
    for (const part of ["Exact", "Tokens read", "Tokens written", "Request", "req_"]) await panel.getByText(part).first().waitFor();
    assert.deepEqual(await barriers(page), []);
    await page.keyboard.press("Escape");
    await panel.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Copy the answer" }).click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^## What the figures say[\s\S]*neighbouring towns\?/);
    await page.getByRole("button", { name: "Copy the code" }).click();
    await page.locator(".code").getByText("Copied").waitFor();
    assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^def growth/);
    await page.getByRole("button", { name: "2024", exact: true }).click();
    await page.locator(".prose tbody tr").first().getByText("Town hall").waitFor();
    assert.deepEqual(complaints(page), []);
  },

  "writing: lines, drafts, costs": async () => {
    const page = await at();
    await field(page).fill("first line");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("second line");
    await written(page, "first line\nsecond line");
    await choose(page, "large");
    await page.getByText(/about \d+ tokens · about €?\$?0\.0/).waitFor();
    await page.reload();
    await page.getByRole("button", { name: /^Model: / }).waitFor();
    await written(page, "first line\nsecond line");
    await field(page).press("Enter");
    await receipts(page).first().waitFor();
    await written(page, "");
    await page.goto(`${given.url}/#/`);
    await page.locator(".offers").waitFor();
    await written(page, "");
  },

  "stop, then go on": async () => {
    const page = await at();
    await ask(page, "a slow one", { model: "large", wait: false });
    await page.locator(".prose").getByText("vent").first().waitFor();
    await page.keyboard.press("Escape");
    await page.getByText("You stopped this answer.").waitFor();
    await page.getByRole("button", { name: "Continue the answer" }).click();
    await page.getByText("You stopped this answer.").waitFor({ state: "detached" });
    await receipts(page).first().waitFor();
    assert.match(await answer(page).innerText(), /^(large wrote\s+)?mo il vent[\s\S]*A cold, dry wind/);
    assert.deepEqual(complaints(page), []);
  },

  "answer again, and go back to the first": async () => { // slow
    const page = await at();
    await ask(page, "Which wind?", { model: "large" });
    await page.getByRole("button", { name: "Answer again" }).click();
    await page.getByRole("menuitem", { name: "Answer again" }).click();
    await page.getByRole("group", { name: "Version 2 of 2" }).waitFor();
    await receipts(page).first().waitFor();
    await page.getByRole("button", { name: "Answer again" }).click();
    await page.getByRole("menuitem", { name: /^guide/ }).click();
    await page.getByRole("group", { name: "Version 3 of 3" }).waitFor();
    await page.getByText(/guide · on this server/).waitFor();
    await answered(page, "PATCH", () => page.getByRole("button", { name: "Previous version" }).click());
    await page.getByText(/large · at 127\.0\.0\.1/).waitFor();
    await page.reload();
    await page.getByRole("group", { name: "Version 2 of 3" }).waitFor();
  },

  "edit and branch": async () => {
    const page = await at();
    await ask(page, "First question", { model: "large" });
    await ask(page, "Second question");
    await turns(page, 4);
    await page.locator(".turn.user").first().hover();
    await page.getByRole("button", { name: "Edit", exact: true }).first().click();
    await page.getByRole("textbox", { name: "Edit" }).fill("First question, put better");
    await page.getByRole("button", { name: "Ask this instead" }).click();
    await page.getByRole("group", { name: "Version 2 of 2" }).waitFor();
    await receipts(page).first().waitFor();
    await turns(page, 2);
    await page.getByRole("button", { name: "Previous version" }).click();
    await page.getByText("Second question").last().waitFor();
    await turns(page, 4);
  },

  "instructions and parameters": async () => { // slow
    const page = await at();
    await page.getByRole("button", { name: "Instructions and parameters" }).click();
    await page.getByLabel("Instructions", { exact: true }).fill("Answer in one sentence.");
    await page.getByLabel("Temperature").fill("9");
    await page.getByText("A number from 0 to 2, or nothing.").waitFor();
    assert.deepEqual(await barriers(page), []);
    await page.getByLabel("Temperature").fill("0,3");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await ask(page, "Which wind?", { model: "large" });
    await page.reload();
    await receipts(page).first().waitFor();
    await page.getByRole("button", { name: "Instructions and parameters", pressed: true }).click();
    await until(() => page.getByLabel("Instructions", { exact: true }).inputValue(), "Answer in one sentence.");
    await until(() => page.getByLabel("Temperature").inputValue(), "0.3");
  },

  "the model that the address names, and no other": async () => { // slow
    const page = await opened({ storageState: state, viewport: { width: 390, height: 800 } });
    let lists = 0;
    await page.route("**/api/v1/assistant/models?**", async (route) => {
      const response = await route.fetch();
      const { data } = await response.json();
      lists += 1;
      // It is there from the second list on.
      await route.fulfill({ response, json: { data: data.filter(({ name }) => lists > 1 || name !== "tiny") } });
    });
    await page.goto(`${given.url}/#/?model=tiny`);
    await page.getByRole("button", { name: /^Model: tiny/ }).waitFor();
    await page.getByText("read · ").and(page.locator(".composer .price")).waitFor();
    await page.evaluate(() => (location.hash = "#/?model=default%2Fatti"));
    const refused = page.getByRole("alert").filter({ hasText: "The model “default/atti” cannot be used here" });
    await refused.waitFor();
    await field(page).fill("To whom does this go?");
    await page.getByRole("button", { name: "Send", exact: true }).click();
    await until(() => refused.count(), 2);
    await written(page, "To whom does this go?");
    await choose(page, "large");
    await page.getByRole("button", { name: /^Model: large/ }).waitFor();
    await field(page).fill("");
  },

  "too long, by how much, and shorter": async () => { // slow
    const page = await at();
    await ask(page, "Tell me of the wind", { model: "tiny" });
    await field(page).fill("the wind ".repeat(400));
    await page.getByText(/Too long for this model by about \d+ tokens/).waitFor();
    await page.getByText("Your text is safe.").first().waitFor();
    await page.keyboard.press("Enter");
    // It is too long by itself: no older message could be left out.
    const refused = page.getByRole("alert").filter({ hasText: "Not sent. Your text is safe here. Your message, with what it brings along, is too long" });
    await refused.waitFor();
    assert.equal(await page.getByRole("button", { name: "Leave out the oldest messages" }).count(), 0);
    assert.equal(await refused.getByText("whose context holds 600 tokens").isVisible(), false);
    await refused.getByText("What the server says").click();
    await refused.getByText("whose context holds 600 tokens").waitFor();
    assert.match(await field(page).inputValue(), /^the wind the wind/);
    await field(page).fill("and now in short");
    await page.keyboard.press("Enter");
    await receipts(page).nth(1).waitFor();
  },

  "a place in the queue": async () => { // slow
    const one = await at();
    await ask(one, "a slow one", { model: "tiny", wait: false });
    await one.locator(".prose").getByText("vent").first().waitFor();
    const two = await at();
    await ask(two, "behind it", { model: "tiny", wait: false });
    await two.getByText("Your text is safe.").waitFor();
    await two.getByText("You may close this page").waitFor();
    assert.deepEqual(await barriers(two), []);
    await two.getByRole("button", { name: "Leave the queue" }).click();
    await two.getByText("You stopped this answer.").waitFor();
    await one.keyboard.press("Escape");
    await one.getByText("You stopped this answer.").waitFor();
  },

  "an answer that breaks off, and a model that is busy": async () => { // slow
    const page = await at();
    await ask(page, "it breaks off", { model: "large", wait: false });
    await page.getByText("No answer came").or(page.getByText("The answer broke off.")).waitFor();
    await page.getByText("Your question is saved.").waitFor();
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByRole("group", { name: "Version 2 of 2" }).waitFor();
    const busy = await at();
    await ask(busy, "it is refused", { model: "large", wait: false });
    await busy.getByRole("alert").getByText("Your question is saved.").waitFor();
    assert.deepEqual(await barriers(busy), []);
  },

  "the network goes in mid-answer and comes back": async () => {
    const page = await at();
    await ask(page, "the unhurried report", { model: "large", wait: false });
    await page.locator(".prose").getByText("What the figures say").waitFor();
    await page.context().setOffline(true);
    await page.waitForTimeout(1500); // so long it is away
    await page.context().setOffline(false);
    await receipts(page).first().waitFor();
    await answer(page).getByText("neighbouring towns?").first().waitFor();
    await until(() => answer(page).locator(".prose > *").count(), 11);
  },

  "nothing is lost without a network": async () => { // slow
    const page = await at();
    await page.getByRole("button", { name: /^Model: / }).waitFor();
    await page.context().setOffline(true);
    await field(page).fill("Written on a train");
    await page.keyboard.press("Enter");
    await page.getByText("Not sent: the server does not answer. Your text is safe here.").waitFor();
    await written(page, "Written on a train");
    await page.context().setOffline(false);
    await page.getByRole("button", { name: "Try again" }).click();
    await receipts(page).first().waitFor();
    await written(page, "");
    await turns(page, 2);
  },

  "two tabs agree": async () => { // slow
    const one = await at();
    await ask(one, "the unhurried report for two", { model: "large", wait: false });
    await one.waitForURL(/#\/c\//);
    const two = await at();
    await two.goto(one.url());
    await two.locator(".prose").getByText("What the figures say").waitFor();
    await Promise.all([receipts(one).first().waitFor(), receipts(two).first().waitFor()]);
    await until(async () => (await answer(two).innerText()) === (await answer(one).innerText()), true);
    await ask(two, "And the roads?");
    await receipts(one).nth(1).waitFor();
    await turns(one, 4);
    assert.deepEqual([...complaints(one), ...complaints(two)], []);
  },

  "the answer goes on while the tab is closed": async () => {
    const page = await at();
    await ask(page, "the unhurried report, unwatched", { model: "large", wait: false });
    await page.waitForURL(/#\/c\//);
    const url = page.url();
    await page.close();
    const later = await at();
    await later.goto(url);
    await receipts(later).first().waitFor();
    await answer(later).getByText("neighbouring towns?").first().waitFor();
  },

  "rename, pin, archive, delete": async () => { // slow
    const page = await at();
    await ask(page, "Conversation to be kept in order", { model: "large" });
    const menu = page.locator("header").getByRole("button", { name: /^More for/ });
    await menu.click();
    await page.getByRole("menuitem", { name: "Rename" }).click();
    await page.getByLabel("Title").fill("Kept in order");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Kept in order" }).waitFor();
    await menu.click();
    await page.getByRole("menuitem", { name: "Pin", exact: true }).click();
    await list(page).getByRole("heading", { name: "Pinned" }).waitFor();
    await menu.click();
    await page.getByRole("menuitem", { name: "Archive" }).click();
    await page.getByText("Archived. You find it").waitFor();
    await list(page).getByText("Kept in order").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Undo" }).click();
    await list(page).getByText("Kept in order").click();
    await menu.click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
    assert.deepEqual(await barriers(page), []);
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByText("Deleted.").waitFor();
    await list(page).getByText("Kept in order").waitFor({ state: "detached" });
    assert.deepEqual(complaints(page), []);
  },

  "exported as Markdown and as JSON": async () => { // slow
    const page = await at();
    await ask(page, "Worth keeping", { model: "large" });
    for (const [item, ending] of [["Export as Markdown", ".md"], ["Export as JSON", ".json"]]) {
      await page.locator("header").getByRole("button", { name: /^More for/ }).click();
      const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("menuitem", { name: item }).click()]);
      assert.ok(file.suggestedFilename().endsWith(ending), file.suggestedFilename());
      const parts = [];
      for await (const part of await file.createReadStream()) parts.push(part);
      const text = Buffer.concat(parts).toString();
      assert.ok(text.includes("Worth keeping") && text.includes("A cold, dry wind"), text);
    }
    assert.deepEqual(complaints(page), []);
  },

  "search finds the word and goes to its place": async () => { // slow
    const page = await at();
    await ask(page, "Tell me of birds. A question about cormorants", { model: "large" });
    await page.goto(`${given.url}/#/`);
    await search(page, "cormorants");
    await page.locator("mark").getByText("cormorants").first().waitFor();
    assert.deepEqual(await barriers(page), []);
    await page.keyboard.press("Enter");
    await page.waitForURL(/#\/c\/\w+\/m\/\w+/);
    await page.locator(".turn.user").getByText("cormorants").waitFor();
    await search(page, "zzyzx");
    await page.getByText("Nothing found.").waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
  },

  "a prompt with variables, by a stroke": async () => { // slow
    const page = await at();
    await page.evaluate(async () => {
      const body = JSON.stringify({ title: "Thank somebody", body: "Write thanks to {{name}} for {{what}}.", project_id: null });
      const headers = { "content-type": "application/json", "x-tramontane": "1" };
      await fetch("/api/v1/prompts", { method: "POST", headers, body });
    });
    await field(page).pressSequentially("/thank");
    await page.getByRole("option", { name: /^Thank somebody/ }).waitFor();
    await page.keyboard.press("Enter");
    await page.getByRole("textbox", { name: "name", exact: true }).fill("Ms Weber");
    await page.getByRole("textbox", { name: "what", exact: true }).fill("her help");
    await page.getByRole("button", { name: "Insert" }).click();
    await written(page, "Write thanks to Ms Weber for her help.");
    await field(page).fill("");
  },

  "a temporary chat leaves no trace in list and search": async () => { // slow
    const page = await at();
    await page.getByRole("button", { name: "Temporary chat" }).click();
    await page.getByText("Temporary: not in your list").waitFor();
    await ask(page, "A secret about ibises", { model: "large" });
    assert.equal(await list(page).getByText("ibises").count(), 0);
    await search(page, "ibises");
    await page.getByText("Nothing found.").waitFor();
  },

  "an assistant, chosen and used": async () => { // slow
    const page = await at();
    await page.getByRole("button", { name: "Assistant", exact: true }).click();
    const first = page.getByRole("menuitemradio").nth(1);
    const name = (await first.locator(".label").innerText()).trim();
    await first.click();
    await page.getByRole("heading", { name }).waitFor();
    await page.locator(".offers button").first().click();
    await until(async () => (await field(page).inputValue()) !== "", true);
    await field(page).press("Enter");
    await receipts(page).first().waitFor();
    await page.getByText(name).last().waitFor();
    assert.deepEqual(complaints(page), []);
  },

  "tools are seen": async () => { // slow
    const page = await at();
    await ask(page, "please calculate 19.6 % of 2480", { model: "large" });
    const tool = page.locator("details.tool");
    await tool.waitFor();
    await tool.getByText(/486[.,]08/).first().waitFor();
    await tool.locator("summary").click();
    await tool.getByText("Given").waitFor();
    assert.deepEqual(await barriers(page), []);
  },

  "a rating with its reason": async () => { // slow
    const page = await at();
    await ask(page, "Rate this", { model: "large" });
    await answered(page, "PUT", () => page.getByRole("button", { name: "Bad answer" }).click());
    await page.getByRole("button", { name: "Hard to understand" }).click();
    await page.getByLabel("In your own words").fill("too short");
    assert.deepEqual(await barriers(page), []);
    await page.locator("form").getByRole("button", { name: "Send" }).click();
    await page.getByText("Noted.").waitFor();
    await page.reload();
    await page.getByRole("button", { name: "Bad answer", pressed: true }).waitFor();
  },

  "markup and right-to-left in an answer": async () => { // slow
    const page = await at();
    await ask(page, "malicious", { model: "large" });
    await page.waitForTimeout(500);
    assert.equal(await page.evaluate(() => globalThis.owned), undefined);
    assert.equal(await page.locator(".prose img, .prose script, .prose iframe, .prose form").count(), 0);
    assert.ok(page.asked.every((url) => url.startsWith(`${given.url}/`)), page.asked.filter((url) => !url.startsWith(given.url)).join());
    await page.goto(`${given.url}/#/`);
    await ask(page, "arabic", { model: "large" });
    await until(() => page.locator(".prose > p").first().evaluate((node) => getComputedStyle(node).direction), "rtl");
    assert.deepEqual(complaints(page), []);
  },

  "sharing by link and with the project": async () => { // slow
    const page = await at();
    await ask(page, "To be shared", { model: "large" });
    await page.locator("header").getByRole("button", { name: /^More for/ }).click();
    await page.getByRole("menuitem", { name: "Share" }).click();
    await page.getByRole("button", { name: "Make a link" }).click();
    await page.getByRole("button", { name: "Revoke" }).waitFor();
    const link = await page.getByLabel("Address").inputValue();
    assert.ok(link.startsWith(`${given.url}/#/shared/`), link);
    assert.deepEqual(await barriers(page), []);
    await page.getByRole("button", { name: "Revoke" }).click();
    await page.getByRole("button", { name: "Revoke" }).waitFor({ state: "detached" });
    await answered(page, "PATCH", () => page.getByRole("checkbox").check());
    await page.keyboard.press("Escape");
    await page.locator("header").getByText("default").waitFor();
  },

  "by keyboard alone": async () => { // slow
    const page = await at();
    await ask(page, "First by keyboard", { model: "large" });
    await ask(page, "Second by keyboard");
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press("k");
    await page.keyboard.press("k");
    await until(() => page.evaluate(() => document.activeElement.dataset.at), "2");
    await page.keyboard.press("j");
    await page.keyboard.press("e");
    const panel = page.getByRole("complementary", { name: "Evidence" });
    await panel.waitFor();
    await page.keyboard.press("Escape");
    await panel.waitFor({ state: "detached" });
    await page.keyboard.press("?");
    const keys = page.getByRole("dialog", { name: "Keyboard shortcuts" });
    await keys.waitFor();
    assert.deepEqual(await barriers(page), []);
    await page.keyboard.press("Escape");
    await keys.waitFor({ state: "detached" });
    await page.keyboard.press("i");
    await until(() => field(page).evaluate(hasFocus), true);
    await page.keyboard.press("ArrowUp");
    await page.getByRole("textbox", { name: "Edit" }).waitFor();
    await page.keyboard.press("Escape");
    await page.getByRole("textbox", { name: "Edit" }).waitFor({ state: "detached" });
    await page.keyboard.press("Control+.");
    await list(page).waitFor({ state: "detached" });
    await page.keyboard.press("Control+.");
    await list(page).waitFor();
    await page.keyboard.press("Control+Shift+o");
    await page.locator(".offers").waitFor();
    await until(() => field(page).evaluate(hasFocus), true);
  },

  "light and dark, wide and narrow": async () => { // slow
    const source = await at();
    await ask(source, "What does the report say, everywhere?", { model: "large" });
    const path = new URL(source.url()).hash.slice(1);
    for (const colorScheme of ["light", "dark"]) {
      for (const width of [320, 390, 768, 1280]) {
        const page = await at(path, { colorScheme, viewport: { width, height: 844 } });
        await receipts(page).first().waitFor();
        await page.locator(".prose .katex").first().waitFor();
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(over <= 0, `${over} pixels too wide at ${width}`);
        assert.deepEqual(await barriers(page), [], `${colorScheme} ${width}`);
        if (width < 800) {
          await page.getByRole("button", { name: "Show the list" }).click();
          await list(page).waitFor();
          assert.deepEqual(await barriers(page), [], `list, ${colorScheme} ${width}`);
          await page.keyboard.press("Escape");
          await list(page).waitFor({ state: "detached" });
        }
        assert.deepEqual(complaints(page), []);
        await page.context().close();
      }
    }
  },

  "in five languages": async () => { // slow
    const said = { fr: "Les réponses sont écrites par une machine", de: "Antworten schreibt eine Maschine", es: "Las respuestas las escribe una máquina", it: "Le risposte sono scritte da una macchina", en: "Answers are written by a machine" };
    const page = await at();
    for (const [language, words] of Object.entries(said)) {
      await page.evaluate(async (language) => {
        const headers = { "content-type": "application/json", "x-tramontane": "1" };
        await fetch("/api/v1/me", { method: "PATCH", headers, body: JSON.stringify({ language }) });
      }, language);
      await page.reload();
      await page.getByText(words).waitFor();
      assert.equal(await page.evaluate(() => document.documentElement.lang), language);
    }
  },

  "a restart ends a turn with what had arrived": async () => { // slow
    const page = await at();
    await ask(page, "a slow one before the restart", { model: "large", wait: false });
    await page.locator(".prose").getByText("vent").first().waitFor();
    await please("restart");
    await page.getByText("The answer broke off when the server restarted.").waitFor();
    assert.match(await answer(page).innerText(), /vent/);
    await ask(page, "and after it");
  },

  "signing out leaves no draft": async () => {
    const page = await at();
    await field(page).fill("half a thought");
    await page.getByRole("button", { name: "Ada Keller" }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await page.waitForURL(/#\/signin/);
    await until(() => page.evaluate(() => Object.keys(localStorage).filter((key) => key.includes("draft"))), []);
  },
};

await run(flows, { apart: true });
