// Every page but the conversation as people use it, from the first administrator's link on.
// Usage: node pages.mjs, with {"browser", "url", "link", "key", "standin", "files"} as a line of
// JSON on stdin.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { answered, barriers, complaints, given, opened, please, run, search } from "./driver.mjs";
import { accept, api, at, PASSWORD, settled } from "./members.mjs";

const PAGES = ["settings", "people", "prompts", "assistants", "models", "playground", "usage", "usage?by=member", "independence", "archive", "embeds", "feedback"];
const people = {}; // pages of those who are signed in

async function signIn(page, email, password) {
  await page.goto(`${given.url}/#/signin`);
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(password);
  return answered(page, "POST", () => page.getByRole("button", { name: "Sign in" }).click());
}

/** The link that the open dialog shows. */
async function shownLink(page) {
  const dialog = page.getByRole("dialog").filter({ hasText: "The link works once" });
  const link = await dialog.locator("pre").innerText();
  await dialog.getByRole("button", { name: "Done" }).click();
  return link;
}

const flows = {
  "the first administrator comes in through the link": async () => {
    const page = (people.ada = await opened());
    await page.goto(given.link);
    await page.getByRole("heading", { name: "The first account" }).waitFor();
    await page.getByText("artificial intelligence").waitFor();
    await page.getByRole("button", { name: "Make the account" }).click();
    await page.getByText("Please give a name.").waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.name), "name");
    await page.getByLabel("Your name").fill("Ada Keller");
    await page.getByLabel("E-mail").fill("ada@example.org");
    await page.getByLabel("New password").fill("password1234");
    await page.getByText("within an hour").waitFor();
    await page.getByRole("button", { name: "Make the account" }).click();
    await page.getByText("longer or less usual").waitFor();
    await accept(page, given.link, "Ada Keller", "ada@example.org");
    assert.ok(!page.url().includes("welcome"), "the token is left in the address");
    assert.deepEqual(complaints(page), []);
  },

  "a link that was used says so": async () => {
    const page = await opened();
    await page.goto(given.link);
    await page.getByRole("heading", { name: "can no longer be used" }).waitFor();
    await page.getByRole("link", { name: "Sign in" }).click();
    await page.getByRole("heading", { name: "Sign in" }).waitFor();
    await page.context().close();
  },

  "somebody is invited and comes in": async () => {
    const { ada } = people;
    await at(ada, "people");
    await ada.getByRole("button", { name: "Invite somebody" }).click();
    await ada.getByLabel("E-mail, if you know it").fill("nina at example");
    await ada.getByRole("button", { name: "Make the link" }).click();
    await ada.getByText("That is no e-mail address such as ada@example.org.").waitFor();
    await ada.getByLabel("E-mail, if you know it").fill("nina@example.org");
    await ada.getByRole("button", { name: "Make the link" }).click();
    const link = await shownLink(ada);
    assert.ok(link.startsWith(`${given.url}/#/welcome/`), link);
    await ada.getByText("nina@example.org").waitFor();
    const nina = (people.nina = await opened());
    await nina.goto(link);
    await nina.getByText("invited to the project default").waitFor();
    assert.equal(await nina.getByLabel("E-mail").inputValue(), "nina@example.org");
    await accept(nina, link, "Nina Roth");
    await at(ada, "people");
    await ada.getByRole("row", { name: /Nina Roth.*default Member.*Active/ }).waitFor();
    await ada.getByText("No invitation is waiting").waitFor();
    await at(nina, "people");
    await nina.getByText("see the people here").waitFor();
    assert.equal(await nina.getByRole("button", { name: "Invite somebody" }).count(), 0);
    assert.deepEqual(complaints(nina), []);
  },

  "an invitation that has expired": async () => { // slow
    const { ada } = people;
    await at(ada, "people");
    await ada.getByRole("button", { name: "Invite somebody" }).click();
    await ada.getByRole("button", { name: "Make the link" }).click();
    const link = await shownLink(ada);
    await please("expire");
    const page = await opened();
    await page.goto(link);
    await page.getByText("has expired").waitFor();
    await page.context().close();
    await ada.reload();
    await ada.getByText("expired on").waitFor();
    await ada.getByRole("button", { name: "Take back" }).click();
    await ada.getByRole("dialog").getByRole("button", { name: "Take back" }).click();
    await ada.getByText("No invitation is waiting").waitFor();
  },

  "a wrong password is slowed and says no more than it must": async () => { // slow
    const page = await opened();
    for (const email of ["nobody@example.org", "ada@example.org"]) {
      assert.equal((await signIn(page, email, "wrong wrong wrong")).status(), 401);
      await page.getByText("E-mail or password is wrong.").waitFor();
    }
    for (let n = 0; n < 8; n++) {
      const button = page.getByRole("button", { name: "Sign in" });
      if (!(await button.count())) break;
      if ((await answered(page, "POST", () => button.click())).status() === 429) break;
      await page.locator("button[aria-busy]").waitFor({ state: "detached" });
    }
    await page.getByText("Too many attempts").waitFor();
    assert.ok(await page.getByRole("button", { name: "Possible again" }).isDisabled());
    await page.context().close();
  },

  "a new password by a link": async () => { // slow
    const { ada } = people;
    await at(ada, "people");
    await ada.getByRole("button", { name: "More for “Nina Roth”" }).click();
    await ada.getByRole("menuitem", { name: "Link for a new password" }).click();
    const link = await shownLink(ada);
    const page = await opened();
    await page.goto(link);
    await page.getByRole("heading", { name: "A new password" }).waitFor();
    await page.getByLabel("New password").fill("eleven quiet otters in Brig");
    await page.getByRole("button", { name: "Set the password" }).click();
    await page.getByRole("button", { name: "Nina Roth", exact: true }).waitFor();
    await people.nina.context().close(); // signed out by the new password
    people.nina = page;
  },

  "two people change one prompt": async () => { // slow
    const { ada, nina } = people;
    await at(ada, "prompts");
    await ada.getByText("No prompts yet").waitFor();
    await ada.getByRole("button", { name: "New prompt" }).first().click();
    await ada.getByLabel("Title").fill("Invitation");
    await ada.getByLabel("Text").fill("Invite {{name}} to the meeting on {{day}}.");
    await ada.getByLabel("Who can use it").selectOption({ label: "Project default" });
    await ada.getByRole("button", { name: "Save" }).click();
    await ada.getByRole("dialog").waitFor({ state: "detached" });
    await ada.getByRole("link", { name: "Invitation" }).click();
    await at(nina, "prompts");
    await nina.getByRole("link", { name: "Invitation" }).click();
    await nina.getByLabel("Text").fill("Kindly invite {{name}} to the meeting on {{day}}.");
    await nina.getByRole("button", { name: "Save" }).click();
    await nina.getByRole("dialog").waitFor({ state: "detached" });
    await nina.getByText("Kindly invite").waitFor();
    await ada.getByLabel("Text").fill("Invite {{name}} to the long meeting on {{day}}.");
    await ada.getByRole("button", { name: "Save" }).click();
    await ada.getByText("Somebody changed this meanwhile").waitFor();
    assert.deepEqual(await ada.getByRole("dialog").locator("mark").allInnerTexts(), ["Kindly invite", "Invite", "long "]);
    assert.deepEqual(await barriers(ada), []);
    await ada.getByRole("button", { name: "Go on with mine" }).click();
    await ada.getByRole("button", { name: "Save" }).click();
    await ada.getByRole("dialog").waitFor({ state: "detached" });
    await ada.getByText("to the long meeting").waitFor();
    await nina.reload();
    await nina.getByText("to the long meeting").waitFor();
  },

  "an assistant is copied, changed, begun with and deleted": async () => { // slow
    const { ada } = people;
    await at(ada, "assistants");
    await ada.getByRole("link", { name: "Begin" }).nth(4).waitFor();
    assert.equal(await ada.getByRole("link", { name: "Begin" }).count(), 5);
    await ada.getByRole("button", { name: "More for “Minutes”" }).click();
    await ada.getByRole("menuitem", { name: "Copy to change it" }).click();
    await ada.getByLabel("Name", { exact: true }).fill("Minutes of the council");
    await ada.getByLabel("Who can use it").selectOption({ label: "Project default" });
    await ada.getByRole("button", { name: "Save" }).click();
    await ada.getByRole("heading", { name: "Minutes of the council", exact: true }).waitFor();
    await at(people.nina, "assistants");
    await people.nina.getByRole("heading", { name: "Minutes of the council", exact: true }).waitFor();
    await ada.getByRole("listitem").filter({ hasText: "Minutes of the council" }).getByRole("link", { name: "Begin" }).click();
    await ada.getByRole("heading", { level: 1, name: "Minutes of the council" }).waitFor();
    await at(ada, "assistants");
    await ada.getByRole("button", { name: "More for “Minutes of the council”" }).click();
    await ada.getByRole("menuitem", { name: "Delete" }).click();
    await ada.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await ada.getByRole("heading", { name: "Minutes of the council", exact: true }).waitFor({ state: "detached" });
  },

  "an assistant is put on a website and taken away": async () => { // slow
    const { ada } = people;
    await at(ada, "assistants");
    await ada.getByRole("button", { name: "More for “Form help”" }).click();
    await ada.getByRole("menuitem", { name: "Put on a website" }).click();
    await ada.getByRole("button", { name: "Make the line" }).click();
    await ada.getByText("at least one site").waitFor();
    await ada.getByLabel("Sites where it may stand").fill("https://www.example.org");
    await ada.getByRole("button", { name: "Make the line" }).click();
    const snippet = await ada.getByRole("dialog").locator("pre").innerText();
    assert.match(snippet, /<script.*embed\.js/);
    await ada.getByRole("dialog").getByRole("link", { name: "On websites" }).click();
    await ada.getByText("https://www.example.org").waitFor();
    await ada.getByRole("button", { name: "Take away" }).click();
    await ada.getByRole("dialog").getByRole("button", { name: "Take away" }).click();
    await ada.getByText("No assistant stands on a website").waitFor();
  },

  "a provider is tested, added, asked for and removed": async () => {
    const { ada, nina } = people;
    await at(ada, "models");
    await ada.getByRole("button", { name: "Add a model" }).click();
    await ada.getByLabel("Who serves it").selectOption({ label: "Another address" });
    await ada.getByLabel("Address").fill("http://127.0.0.1:9/v1");
    await ada.getByRole("button", { name: "Test", exact: true }).click();
    await ada.getByText("Nobody answers at this address.").waitFor();
    await ada.getByLabel("Address").fill(given.standin);
    await ada.getByLabel("Key", { exact: true }).fill("canary-provider-key");
    await ada.getByRole("button", { name: "Test", exact: true }).click();
    await ada.getByText("It answers and offers 2 models.").waitFor();
    await ada.getByLabel("Model there").selectOption("larger");
    await ada.getByRole("button", { name: "Ask it a few words" }).click();
    await ada.getByText("first word after").waitFor();
    await ada.getByLabel("Name here").fill("council");
    await ada.getByLabel("Price of reading").fill("0.15");
    await ada.getByLabel("Price of writing").fill("0.6");
    await ada.getByLabel("Languages, by their codes").fill("fr de");
    assert.deepEqual(await barriers(ada), []);
    await ada.getByRole("button", { name: "Add", exact: true }).click();
    const row = ada.getByRole("region", { name: "Models" }).getByRole("row", { name: /council/ });
    await row.waitFor();
    assert.match(await row.innerText(), /French, German/);
    await at(nina, "models");
    await nina.getByRole("row", { name: /council/ }).waitFor();
    assert.equal(await nina.getByRole("button", { name: "Add a model" }).count(), 0);
    await nina.getByRole("button", { name: "Ask council" }).click();
    await nina.getByRole("button", { name: /^Model: council/ }).waitFor();
    await ada.getByRole("button", { name: "Remove council" }).click();
    await ada.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await row.waitFor({ state: "detached" });
    assert.ok(!(await ada.content()).includes("canary-provider-key"));
  },

  "an account with a provider is entered, tested, used and removed": async () => {
    const { ada, nina } = people;
    await at(ada, "models");
    await ada.getByRole("button", { name: "Add an account" }).click();
    const dialog = ada.getByRole("dialog");
    await dialog.getByLabel("Region").selectOption("eu");
    await dialog.getByText("https://api.eu.mistral.ai/v1").waitFor();
    await dialog.getByText("Processed in: European Union").waitFor();
    await dialog.getByRole("button", { name: "Add and test" }).click();
    await dialog.getByText("key", { exact: false }).first().waitFor();
    assert.equal(await dialog.getByText("is entered").count(), 0); // a key is missing
    await dialog.getByLabel("Who serves it").selectOption({ label: "OpenAI-compatible server" });
    await dialog.getByLabel("Address").fill(given.standin);
    await dialog.getByLabel("Key", { exact: true }).fill("canary-account-key");
    await dialog.getByLabel("Name of the account").fill("valley");
    assert.deepEqual(await barriers(ada), []);
    await dialog.getByRole("button", { name: "Add and test" }).click();
    await dialog.getByText("It answers and offers 2 models.").waitFor();
    await dialog.getByRole("button", { name: "Close" }).last().click();
    await ada.getByRole("button", { name: "Add a model" }).click();
    await dialog.getByLabel("Who serves it").selectOption({ label: "Account valley (OpenAI-compatible server)" });
    await dialog.getByRole("button", { name: "Test", exact: true }).click();
    await dialog.getByLabel("Model there").selectOption("larger");
    await dialog.getByLabel("Name here").fill("of-the-valley");
    await dialog.getByRole("button", { name: "Add", exact: true }).click();
    await dialog.waitFor({ state: "detached" }); // else what is shown next would end the request
    const accounts = ada.getByRole("region", { name: "Accounts with providers" });
    await at(ada, "models");
    await accounts.getByRole("row", { name: /valley.*of-the-valley/s }).waitFor();
    await accounts.getByRole("button", { name: "Test" }).click();
    await accounts.getByText("It answers and offers 2 models.").waitFor();
    await accounts.getByRole("button", { name: "Remove valley" }).click();
    await dialog.getByRole("button", { name: "Remove" }).click();
    await dialog.getByText("of-the-valley").waitFor(); // it is used
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await ada.getByRole("button", { name: "Remove of-the-valley" }).click();
    await dialog.getByRole("button", { name: "Remove" }).click();
    await dialog.waitFor({ state: "detached" });
    await accounts.getByRole("button", { name: "Remove valley" }).click();
    await dialog.getByRole("button", { name: "Remove" }).click();
    await accounts.getByText("No account yet.").waitFor();
    assert.ok(!(await ada.content()).includes("canary-account-key"));
    await at(nina, "models");
    assert.equal(await nina.getByRole("region", { name: "Accounts with providers" }).count(), 0);
  },

  "a drill is begun knowingly, watched and ended": async () => {
    const { ada, nina } = people;
    await at(ada, "independence");
    await ada.getByRole("row", { name: /large.*lost/s }).waitFor();
    await ada.locator("pre", { hasText: /\[independence\.local\]\s[^[]*seat = "CH"\s[^[]*jurisdiction = "CH"/ }).waitFor(); // what to say
    await ada.getByRole("button", { name: "Start a drill" }).click();
    const dialog = ada.getByRole("dialog");
    await dialog.getByLabel("Without", { exact: true }).selectOption({ label: "Provider: This machine" });
    const begin = dialog.getByRole("button", { name: "Take away" });
    assert.ok(await begin.isDisabled());
    await dialog.getByLabel("I know that meanwhile").check();
    assert.deepEqual(await barriers(ada), []);
    await begin.click();
    await ada.getByRole("timer").waitFor();
    await ada.getByText("Away: ").waitFor();
    assert.match(await ada.getByRole("timer").innerText(), /^(10:0[01]|9:\d\d)$/); // the page rounds up
    assert.ok(await ada.getByRole("button", { name: "Start a drill" }).isDisabled());
    assert.deepEqual(await barriers(ada), []);
    await ada.getByRole("button", { name: "End now" }).click();
    await ada.getByRole("timer").waitFor({ state: "detached" });
    await ada.getByText("Without This machine").last().waitFor();
    await at(nina, "independence");
    await nina.getByText("This page is not for you").first().waitFor();
  },

  "an import is found by the search": async () => { // slow
    const { ada } = people;
    const file = `${given.files}/conversations.json`;
    writeFileSync(file, JSON.stringify([chatgpt("The well of Saint-Luc", "How deep is the quicksilver well?")]));
    await at(ada, "settings/data");
    await ada.getByLabel("Choose a file").setInputFiles(file);
    await ada.getByText("1 conversation is here now.").waitFor();
    await ada.getByLabel("Choose a file").setInputFiles(file);
    await ada.getByText("Nothing new").waitFor();
    writeFileSync(file, "no such thing");
    await ada.getByLabel("Choose a file").setInputFiles(file);
    await ada.getByRole("alert").waitFor();
    await search(ada, "quicksilver");
    await ada.getByText("The well of Saint-Luc").last().waitFor();
    await ada.keyboard.press("Escape");
  },

  "everything is exported": async () => { // slow
    const { ada } = people;
    await at(ada, "settings/data");
    const [download] = await Promise.all([
      ada.waitForEvent("download"),
      ada.getByRole("button", { name: "Export everything" }).click(),
    ]);
    const stream = await download.createReadStream();
    let text = "";
    for await (const piece of stream) text += piece;
    assert.ok(text.includes("The well of Saint-Luc"), text.slice(0, 200));
  },

  "a conversation comes back from the archive, or is deleted": async () => { // slow
    const { ada } = people;
    await at(ada, "archive");
    await ada.getByText("The archive is empty").waitFor();
    const { id } = await conversation(ada, "The well of Saint-Luc");
    await api(ada, "PATCH", `/conversations/${id}`, { archived: true });
    await ada.reload();
    const main = ada.getByRole("main");
    await main.getByRole("link", { name: "The well of Saint-Luc" }).waitFor();
    await main.getByRole("button", { name: "Back from the archive" }).click();
    await ada.getByText("The archive is empty").waitFor();
    await ada.getByRole("link", { name: "The well of Saint-Luc" }).first().waitFor();
  },

  "a shared conversation is read by another member, until it is revoked": async () => { // slow
    const { ada, nina } = people;
    const { id } = await conversation(ada, "The well of Saint-Luc");
    const share = await api(ada, "POST", `/conversations/${id}/shares`, {});
    const link = new URL(share.url, given.url).href;
    await nina.goto(link);
    await nina.getByText("How deep is the quicksilver well?").waitFor();
    await nina.getByText("Shared by Ada Keller").waitFor();
    assert.deepEqual(await barriers(nina), []);
    await api(ada, "DELETE", `/shares/${share.id}`);
    await nina.reload();
    await nina.getByText("no longer shared").first().waitFor();
  },

  "language, theme and notation are kept": async () => { // slow
    const { nina } = people;
    await at(nina, "settings");
    await answered(nina, "PATCH", () => nina.getByLabel("How numbers are written").selectOption("1.234,5"));
    await nina.getByText("For example 1.234.567,5").waitFor();
    await answered(nina, "PATCH", () => nina.getByRole("radio", { name: "Dark" }).check());
    assert.equal(await nina.evaluate(() => document.documentElement.dataset.theme), "dark");
    for (const [label, language, title] of [
      ["Language", "fr", "Réglages"],
      ["Langue", "de", "Einstellungen"],
      ["Sprache", "es", "Ajustes"],
      ["Idioma", "it", "Impostazioni"],
    ]) {
      await answered(nina, "PATCH", () => nina.getByLabel(label, { exact: true }).selectOption(language));
      await nina.getByRole("heading", { level: 1, name: title }).waitFor();
      assert.equal(await nina.evaluate(() => document.documentElement.lang), language);
    }
    await nina.reload();
    await nina.getByRole("heading", { level: 1, name: "Impostazioni" }).waitFor();
    await nina.getByLabel("Lingua", { exact: true }).selectOption("en");
    await nina.getByRole("heading", { level: 1, name: "Settings" }).waitFor();
  },

  "a password is changed by who knows it": async () => { // slow
    const { nina } = people;
    await at(nina, "settings/password");
    await nina.getByLabel("Current password").fill("not this one at all");
    await nina.getByLabel("New password").fill("twelve loud magpies near Visp");
    await nina.getByRole("button", { name: "Change the password" }).click();
    await nina.getByText("This is not your current password.").waitFor();
    await nina.getByLabel("Current password").fill("eleven quiet otters in Brig");
    await nina.getByRole("button", { name: "Change the password" }).click();
    await nina.getByText("Password changed.").waitFor();
    await nina.getByText("This browser").waitFor();
  },

  "budgets, keys, and a bill": async () => {
    const { ada } = people;
    await at(ada, "usage");
    await ada.getByRole("button", { name: "Set a budget" }).click();
    await ada.getByLabel("At most").fill("a lot");
    await ada.getByRole("button", { name: "Save" }).click();
    await ada.getByText("give an amount").waitFor();
    await ada.getByLabel("At most").fill("10");
    await ada.getByRole("button", { name: "Save" }).click();
    await ada.getByText(/10\.00 left of .*10\.00/).waitFor();
    await ada.getByRole("button", { name: "Issue a key" }).click();
    await ada.getByLabel("Name").fill("website");
    await ada.getByRole("dialog").getByRole("button", { name: "Issue a key" }).click();
    const shown = await ada.getByRole("dialog").locator("pre").innerText();
    await ada.getByRole("button", { name: "Done" }).click();

    const page = await opened();
    await page.goto(`${given.url}/#/key`);
    await page.getByLabel("Paste a key").fill("hello");
    await page.getByRole("button", { name: "Use this key" }).click();
    await page.getByText("This is not a key").waitFor();
    await page.getByLabel("Paste a key").fill(shown);
    await page.getByRole("button", { name: "Use this key" }).click();
    await page.getByLabel("Model", { exact: true }).selectOption("large");
    await page.getByLabel("Your question").fill("Who answers?");
    await page.getByRole("button", { name: "Send" }).click();
    await page.getByText("The stand-in has answered.").waitFor();
    await page.getByText(/tokens read, .* written/).waitFor();
    const id = await page.locator("p:has-text('Request:') code").innerText();
    await page.getByText(/all on/).waitFor();
    assert.deepEqual(await barriers(page), []);
    await page.getByRole("button", { name: "Forget this key" }).click();
    await page.getByLabel("Paste a key").waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    assert.deepEqual(complaints(page), []);
    await page.context().close();

    await ada.reload();
    await ada.getByText(/in 30 days, all on/).waitFor();
    await ada.getByLabel("Number of the request").fill(id);
    await ada.getByRole("button", { name: "Find" }).click();
    await ada.getByText("Exact").first().waitFor();
    await ada.getByRole("row", { name: /website/ }).getByRole("button", { name: "Revoke" }).click();
    await ada.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
    await ada.getByRole("row", { name: /website.*Revoke/ }).waitFor({ state: "detached" });
  },

  "usage by person, as each may see it": async () => {
    const { ada, nina } = people;
    await at(ada, "usage?by=member&of=requests");
    await ada.getByRole("heading", { name: "Usage", exact: true }).waitFor();
    await ada.getByText("All of it: Programs with keys").or(ada.getByText(/part: |Most of it: /)).first().waitFor();
    await ada.getByRole("row", { name: /Programs with keys 1/ }).waitFor();
    await ada.getByText("Too little was used to say how long it lasts.").first().waitFor();
    assert.deepEqual(await barriers(ada), []);
    await ada.getByRole("button", { name: "CSV" }).click();
    const [download] = await Promise.all([
      ada.waitForEvent("download"),
      ada.getByRole("menuitem", { name: "The table" }).click(),
    ]);
    let text = "";
    for await (const piece of await download.createReadStream()) text += piece;
    assert.match(text, /^member_id,member,user,requests/);
    assert.match(text, /program,1,/);
    await ada.getByLabel("Period").selectOption({ label: "Last month" });
    await ada.getByText("Nothing was used in the last").waitFor();
    assert.match(ada.url(), /span=last_month/);
    await at(nina, "usage?by=key");
    await nina.getByText("You have used nothing in this time.").waitFor();
    assert.deepEqual(complaints(nina), []);
  },

  "whoever is locked is out at once": async () => {
    const { ada, nina } = people;
    await at(ada, "people");
    await ada.getByRole("button", { name: "More for “Nina Roth”" }).click();
    await ada.getByRole("menuitem", { name: "Lock the account" }).click();
    await ada.getByRole("dialog").getByRole("button", { name: "Lock the account" }).click();
    await ada.getByText("Locked since").waitFor();
    await nina.goto(`${given.url}/#/usage`);
    await nina.getByRole("heading", { name: "Sign in" }).waitFor();
    await ada.getByRole("button", { name: "More for “Nina Roth”" }).click();
    await ada.getByRole("menuitem", { name: "Unlock the account" }).click();
    await ada.getByText("Locked since").waitFor({ state: "detached" });
  },

  "the network goes and comes back": async () => { // slow
    const { ada } = people;
    await at(ada, "people");
    await ada.getByText("nina@example.org").waitFor();
    await ada.context().setOffline(true);
    await ada.getByRole("button", { name: "Invite somebody" }).click();
    await ada.getByRole("button", { name: "Make the link" }).click();
    await ada.getByRole("dialog").getByText("The server does not answer.").waitFor();
    await ada.context().setOffline(false);
    await ada.getByRole("button", { name: "Make the link" }).click();
    await shownLink(ada);
  },

  "no barrier that axe finds, in both themes, wide and narrow": async () => { // slow
    const { ada } = people;
    const found = [];
    for (const colorScheme of ["light", "dark"]) {
      for (const width of [1280, 390]) {
        await ada.emulateMedia({ colorScheme, reducedMotion: "reduce" });
        await ada.setViewportSize({ width, height: 820 });
        for (const name of PAGES) {
          await at(ada, name);
          await settled(ada);
          const over = await ada.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          if (over > 0) found.push(`${name} ${width}: ${over} pixels too wide`);
          for (const barrier of await barriers(ada)) found.push(`${name} ${colorScheme} ${width}: ${barrier}`);
        }
      }
    }
    await ada.setViewportSize({ width: 1280, height: 820 });
    const page = await opened();
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      for (const name of ["signin", "key", "welcome/nothing"]) {
        await at(page, name);
        for (const barrier of await barriers(page)) found.push(`${name} ${colorScheme}: ${barrier}`);
      }
    }
    assert.deepEqual(found, []);
    await page.context().close();
  },

  "every page in every language, without a gap": async () => { // slow
    const { ada } = people;
    const gaps = [];
    for (const language of ["fr", "de", "es", "it"]) {
      await api(ada, "PATCH", "/me", { language });
      await ada.reload();
      for (const name of PAGES) {
        await at(ada, name);
        await settled(ada);
        const text = await ada.locator("main").innerText();
        for (const gap of text.match(/(?<!\{)\{\w+\}(?!\})|\b(?:undefined|NaN)\b/g) ?? []) gaps.push(`${language} ${name}: ${gap}`);
      }
    }
    await api(ada, "PATCH", "/me", { language: "en" });
    // A browser in another language than the member's: words of both are fetched at once.
    const page = await opened({ locale: "de-DE", storageState: await ada.context().storageState() });
    for (const name of PAGES) {
      await at(page, name);
      await settled(page);
      const text = await page.locator("main").innerText();
      for (const gap of text.match(/\b(?:assistants?|people|prompts?|models?|usage|use|play|vote|archive|embeds?|feedback|settings)[A-Z]\w+/g) ?? []) gaps.push(`${name}: ${gap}`);
    }
    await page.context().close();
    assert.deepEqual(gaps, []);
  },

  "nobody else was asked anything": async () => {
    for (const page of Object.values(people)) {
      const foreign = page.asked.filter((url) => !url.startsWith(`${given.url}/`) && !url.startsWith("blob:"));
      assert.deepEqual(foreign, []);
      assert.deepEqual(complaints(page), []);
    }
  },
};

async function conversation(page, wanted) {
  return (await api(page, "GET", "/conversations")).data.find(({ title }) => title === wanted);
}

/** One conversation as ChatGPT exports it. */
function chatgpt(title, question) {
  const message = (id, role, text) => ({
    id,
    author: { role },
    create_time: 1_700_000_000,
    content: { content_type: "text", parts: [text] },
    metadata: {},
  });
  return {
    title,
    create_time: 1_700_000_000,
    update_time: 1_700_000_100,
    conversation_id: "6a5b0000-0000-4000-8000-000000000001",
    current_node: "b",
    mapping: {
      root: { id: "root", message: null, parent: null, children: ["a"] },
      a: { id: "a", message: message("a", "user", question), parent: "root", children: ["b"] },
      b: { id: "b", message: message("b", "assistant", "Forty-one metres."), parent: "a", children: [] },
    },
  };
}

await run(flows);
