// The catalogue and what follows from it as people use it: find, compare, deploy, try; engines.
// One platform for all; flows go on where the ones before ended.
// Usage: node catalogue.mjs, with {"browser", "url", "link", "key", "standin", "files"} as a line of
// JSON on stdin.

import assert from "node:assert/strict";
import { answered, barriers, complaints, given, please, run, until } from "./driver.mjs";
import { api, arrived, at, flaws, isServed } from "./members.mjs";

const people = {}; // pages of those who are signed in: ada (administrator), nina (member)

const CARD = "catalogue/card?id=mistral%2Fmistral-nemo";
const OTHER = "catalogue/card?id=microsoft%2Fphi-3.5-mini-instruct";
const RESTRICTED = "catalogue/card?id=aellm%2Fllama-3.2-chibi-3b";
const COMPARISON = "catalogue/compare?id=mistral%2Fmistral-nemo&id=microsoft%2Fphi-3.5-mini-instruct&id=aellm%2Fllama-3.2-chibi-3b";

/** Begin to deploy from the offer in the row called `name`. */
async function offered(page, name) {
  await page.getByRole("region", { name: "Offers" }).getByRole("button", { name: /^All/ }).click();
  await page.getByRole("row", { name }).getByRole("button", { name: "Use this" }).click();
}

/** How many models the catalogue has found. */
async function total(page) {
  return Number((await page.locator(".total").innerText()).replace(/\D/g, ""));
}

/** Do `act`, which changes the filters, and wait until what they find is shown. */
async function filtered(page, act) {
  const before = page.url();
  await act();
  await page.waitForURL((url) => url.href !== before);
  const found = await api(page, "GET", `/catalog/models?${new URL(page.url()).hash.split("?")[1] ?? ""}`);
  await until(() => total(page), found.total);
}

const flows = {
  "an administrator and a member come in": async () => {
    people.ada = await arrived(given.link, "Ada Keller", "ada@example.org");
    const { url } = await api(people.ada, "POST", "/invitations", { project_id: "default", role: "member" });
    people.nina = await arrived(url, "Nina Roth", "nina@example.org");
    assert.deepEqual(complaints(people.ada), []);
  },

  "open, Italian, from 32,000 tokens, under one euro: found and compared": async () => {
    const { ada } = people;
    await at(ada, "catalogue");
    await ada.locator("[data-row]").nth(20).waitFor();
    const all = await total(ada);
    assert.ok(all >= 1600, `${all} models`);
    await filtered(ada, () => ada.getByRole("checkbox", { name: /^open weights/ }).check());
    await filtered(ada, () => ada.getByRole("checkbox", { name: /^Italian/ }).check());
    await filtered(ada, () => ada.getByLabel("Context, tokens").selectOption({ label: "32,000 and more" }));
    await filtered(ada, () => ada.getByLabel("Price, at most").fill("1"));
    const found = await api(ada, "GET", `/catalog/models?${new URL(ada.url()).hash.split("?")[1]}`);
    assert.equal(found.total, await total(ada));
    for (const model of found.data) {
      assert.ok(model.openness === "open_weights" && model.languages.includes("it") && model.context_tokens >= 32000, model.id);
      assert.ok(Number(model.price.amount) <= 1 && model.price.currency === "EUR", model.id);
    }
    for (const chip of ["open weights", "Italian", "Context from 32,000 tokens", "At most 1 EUR"]) {
      await ada.getByRole("button", { name: `Take out the filter ${chip}` }).waitFor();
    }
    await ada.getByText("The same by command and API").click();
    await ada.getByText("tramontane catalog search --openness open_weights --language it --min-context 32000 --max-price 1").waitFor();
    assert.deepEqual(await barriers(ada), []);
    const filters = ada.url();
    await filtered(ada, () => ada.getByRole("button", { name: "Take out the filter Italian" }).click());
    await ada.goBack();
    await until(() => total(ada), found.total);
    assert.equal(ada.url(), filters);
    // By the keyboard alone: into the field, down to the rows, chosen, compared.
    await ada.locator("h1").click();
    await ada.keyboard.press("/");
    await ada.keyboard.press("ArrowDown");
    await ada.keyboard.press("x");
    await ada.keyboard.press("ArrowDown");
    await ada.keyboard.press("x");
    await ada.getByRole("link", { name: "Compare 2" }).waitFor();
    await ada.keyboard.press("c");
    await ada.getByRole("heading", { name: "Side by side" }).waitFor();
    await ada.getByText("costs least:").waitFor();
    const finding = () => ada.locator("figcaption").innerText();
    const before = await finding();
    await ada.getByLabel("Prices for").selectOption({ label: "Writing (1 : 3)" });
    await ada.waitForFunction((text) => document.querySelector("figcaption")?.innerText !== text, before);
    assert.match(ada.url(), /price_in=1&price_out=3/);
    await ada.getByLabel("Only what differs").check();
    await ada.getByRole("row", { name: /^Kind/ }).waitFor({ state: "detached" });
    assert.deepEqual(await barriers(ada), []);
    await ada.getByRole("link", { name: "Catalogue" }).last().click();
    await until(() => total(ada), found.total);
    assert.deepEqual(complaints(ada), []);
  },

  "a model is deployed from its card while one watches, asked, and taken back": async () => {
    const { ada, nina } = people;
    await please("slow", { pause_s: 0.1 });
    await at(ada, CARD);
    await ada.getByText("Nothing of it runs here yet.").waitFor();
    await ada.getByRole("button", { name: "Deploy", exact: true }).click();
    const dialog = ada.getByRole("dialog", { name: "Deploy Mistral Nemo" });
    await dialog.getByText("tramontane model pull").waitFor({ state: "attached" });
    await dialog.getByText("It needs").waitFor();
    assert.equal(await dialog.getByLabel("Name here").inputValue(), "mistral-nemo");
    assert.deepEqual(await barriers(ada), []);
    await dialog.getByRole("button", { name: "Fetch 4.8 MB and deploy" }).click();
    await dialog.getByText(/^about .* left$/).waitFor();
    await please("hold", { held: true });
    await dialog.getByText("You may close this").waitFor();
    assert.deepEqual(await barriers(ada), []);
    await dialog.getByRole("button", { name: "Close" }).click();
    await dialog.waitFor({ state: "detached" });
    await ada.getByRole("button", { name: "Watch" }).click();
    await dialog.getByText("You may close this").waitFor();
    await please("slow", { pause_s: 0 });
    await please("hold", { held: false });
    await dialog.getByText("mistral-nemo is deployed").waitFor();
    await dialog.getByText("Ready", { exact: true }).waitFor();
    await dialog.getByRole("link", { name: "Try it" }).click();
    const column = ada.getByRole("region", { name: "mistral-nemo" });
    await column.waitFor();
    await at(nina, CARD);
    await nina.getByRole("link", { name: "Ask in a chat" }).click();
    await nina.getByRole("button", { name: /^Model: mistral-nemo/ }).waitFor();
    await nina.getByLabel("Your question", { exact: true }).fill("Good morning");
    await nina.keyboard.press("Enter");
    await nina.getByRole("button", { name: "Copy the answer" }).waitFor();
    const { data } = await api(nina, "GET", "/conversations");
    const { messages } = await api(nina, "GET", `/conversations/${data[0].id}`);
    assert.equal(messages.at(-1).model, "mistral-nemo");
    await at(ada, "models");
    await ada.getByRole("row", { name: /^mistral-nemo/ }).first().waitFor();
    await api(ada, "DELETE", "/deployments/mistral-nemo?remove_file=true");
    await at(ada, CARD);
    await ada.getByText("Nothing of it runs here yet.").waitFor();
    assert.deepEqual(complaints(ada), []);
    assert.deepEqual(complaints(nina), []);
  },

  "a download that breaks off is resumed, another given up": async () => { // slow
    const { ada } = people;
    await please("cut", { after: 1_000_000, times: 1 });
    await please("hold", { held: true });
    await at(ada, CARD);
    await ada.getByRole("button", { name: "Deploy", exact: true }).click();
    const dialog = ada.getByRole("dialog", { name: "Deploy Mistral Nemo" });
    await dialog.getByRole("button", { name: /^Fetch/ }).click();
    await dialog.getByText(/of 4\.8 MB$/).waitFor();
    await please("gate", { gated: true }); // when it breaks off, nobody lets it in again
    await please("hold", { held: false });
    await dialog.getByText("could not be fetched").waitFor();
    await dialog.getByText("What has arrived is kept").waitFor();
    assert.deepEqual(await barriers(ada), []);
    await please("gate", { gated: false });
    await dialog.getByRole("button", { name: "Resume" }).click();
    await dialog.getByText("mistral-nemo is deployed").waitFor();
    assert.match((await please("ranges")).at(-1), /^bytes=[1-9]/, "it began anew");
    await dialog.getByRole("button", { name: "Remove mistral-nemo" }).click();
    await dialog.waitFor({ state: "detached" });
    await please("hold", { held: true });
    await ada.getByRole("button", { name: "Deploy", exact: true }).click();
    await dialog.getByRole("button", { name: /^Fetch/ }).click();
    await dialog.getByRole("button", { name: "Cancel and delete what arrived" }).click();
    await dialog.getByRole("button", { name: /^Fetch/ }).waitFor();
    await please("hold", { held: false });
    const { data } = await api(ada, "GET", "/pulls");
    assert.equal(data[0].status, "cancelled");
    assert.deepEqual((await api(ada, "GET", "/deployments")).data.filter(({ name }) => name === "mistral-nemo"), []);
  },

  "what does not fit and what a licence forbids": async () => { // slow
    const { ada } = people;
    // The machine's memory is what it is: the hub's list is made to ask for more.
    await ada.route("**/api/v1/hub/files*", async (route) => {
      const found = await (await route.fetch()).json();
      for (const file of found.files.slice(-1)) Object.assign(file, { fits: "no", needed_bytes: 4e12 });
      found.proposed = found.files.at(-1).file;
      await route.fulfill({ json: found });
    });
    await at(ada, RESTRICTED);
    await ada.getByText("restricted weights").first().waitFor();
    await ada.getByRole("button", { name: "Deploy", exact: true }).click();
    const dialog = ada.getByRole("dialog");
    await dialog.getByText("more than this machine has").waitFor();
    const fetching = dialog.getByRole("button", { name: /^Fetch/ });
    assert.ok(await fetching.isDisabled());
    await dialog.getByLabel("Deploy it anyway").check();
    assert.ok(await fetching.isEnabled());
    await dialog.getByRole("button", { name: "Take that one" }).click();
    await dialog.getByText("are free now").waitFor();
    await fetching.click();
    await dialog.getByText("Please read the licence").waitFor();
    assert.deepEqual(await barriers(ada), []);
    await dialog.getByRole("button", { name: "Close" }).click();
    await dialog.waitFor({ state: "detached" });
    await ada.unroute("**/api/v1/hub/files*");
    assert.deepEqual((await api(ada, "GET", "/deployments")).data.filter(({ name }) => name.includes("chibi")), []);
  },

  "an offer is tried with an account's key and deployed at its price": async () => { // slow
    const { ada } = people;
    await at(ada, CARD);
    await offered(ada, /^Mistral .*open-mistral-nemo/);
    const dialog = ada.getByRole("dialog", { name: "Deploy Mistral Nemo" });
    await dialog.getByText("It is asked for there as open-mistral-nemo").waitFor();
    assert.equal(await dialog.getByLabel("Reading (USD)").inputValue(), "0.3");
    await dialog.getByLabel("Name here").fill("nemo");
    await dialog.getByLabel("Writing (USD)").fill("0,35");
    await dialog.getByRole("button", { name: "Test" }).click();
    await dialog.getByText("It answered; first word after").waitFor();
    assert.deepEqual(await barriers(ada), []);
    await dialog.getByRole("button", { name: "Deploy", exact: true }).click();
    await dialog.getByText("nemo is deployed").waitFor();
    await until(() => isServed("nemo"), true); // on busy cores the gateway hears of it later
    const { data } = await api(ada, "GET", "/deployments");
    const { price, provider } = data.find(({ name }) => name === "nemo");
    assert.deepEqual([provider, price.known, Number(price.output_per_mtok).toFixed(3)], ["mistral", true, "0.301"]);
    await dialog.getByRole("link", { name: "Ask in a chat" }).click();
    await ada.getByRole("button", { name: /^Model: nemo/ }).waitFor();
    await ada.getByLabel("Your question", { exact: true }).fill("Who answers?");
    await ada.keyboard.press("Enter");
    await ada.getByText("The stand-in has answered.").waitFor();
    await api(ada, "DELETE", "/deployments/nemo");
  },

  "a key that does not work is not kept, an address is tried first": async () => { // slow
    const { ada } = people;
    const { accounts } = await api(ada, "GET", "/providers");
    await at(ada, CARD);
    await offered(ada, /^Mistral .*open-mistral-nemo/);
    const dialog = ada.getByRole("dialog", { name: "Deploy Mistral Nemo" });
    await dialog.getByLabel("Account").selectOption({ label: "Another account" });
    await dialog.getByRole("button", { name: "Test" }).click();
    await dialog.getByText("Please enter").or(dialog.locator(".error")).first().waitFor();
    assert.equal((await api(ada, "GET", "/providers")).accounts.length, accounts.length);
    await dialog.getByRole("tab", { name: "At an address" }).click();
    await dialog.getByRole("textbox", { name: "Address" }).fill(given.standin);
    await dialog.getByRole("button", { name: "Test" }).click();
    await dialog.getByText("It answers and offers").waitFor();
    await dialog.getByLabel("Name here").fill("near");
    await dialog.getByRole("button", { name: "Deploy", exact: true }).click();
    await dialog.getByText("near is deployed").waitFor();
    await dialog.getByRole("button", { name: "Remove near" }).click();
    await dialog.waitFor({ state: "detached" });
    assert.deepEqual((await api(ada, "GET", "/deployments")).data.filter(({ name }) => name === "near"), []);
  },

  "a member reads where facts come from, and whom to ask": async () => { // slow
    const { nina } = people;
    await at(nina, OTHER);
    await nina.getByText("Send them the address of this card").waitFor();
    assert.equal(await nina.getByRole("button", { name: "Deploy", exact: true }).count(), 0);
    await nina.getByRole("button", { name: /^Context, tokens:/ }).click();
    await nina.getByText("There under").first().waitFor();
    await nina.getByRole("button", { name: /^Provider/ }).click();
    await nina.getByRole("columnheader", { name: "Provider", exact: true }).and(nina.locator("[aria-sort=ascending]")).waitFor();
    await nina.getByText(/of 14 facts are known/).waitFor();
    await nina.getByText("missing").first().waitFor();
    assert.deepEqual(await barriers(nina), []);
    await at(nina, "catalogue/card?id=nobody/nothing");
    await nina.getByRole("heading", { name: "no such model" }).waitFor();
    await at(nina, "catalogue");
    await nina.getByRole("button", { name: "Sources" }).click();
    await nina.getByRole("dialog").getByText("models.dev").first().waitFor();
    await nina.getByRole("dialog").getByRole("row", { name: /^Licence/ }).waitFor();
    assert.deepEqual(await barriers(nina), []);
    await nina.getByRole("dialog").getByRole("button", { name: "Close" }).click();
  },

  "nothing found, nothing heard, and an address at a hub": async () => { // slow
    const { ada } = people;
    await at(ada, "catalogue?q=qwertzuiop&openness=closed");
    await ada.getByRole("heading", { name: "No model fits all of this" }).waitFor();
    await ada.getByRole("button", { name: "Clear all filters" }).first().click();
    await ada.locator("[data-row]").first().waitFor();
    await ada.context().setOffline(true);
    await ada.getByLabel("Search the catalogue").fill("nemo");
    await ada.getByRole("alert").getByText("does not answer").waitFor();
    await ada.context().setOffline(false);
    await answered(ada, "GET", () => ada.getByRole("button", { name: "Try again" }).click());
    await ada.getByRole("link", { name: "Mistral Nemo", exact: true }).waitFor();
    await ada.getByLabel("Search the catalogue").fill(`hf:${given.repository}`);
    await ada.getByRole("button", { name: `Deploy hf:${given.repository}` }).click();
    const dialog = ada.getByRole("dialog");
    await dialog.getByText("No source says what its licence is").waitFor();
    await dialog.getByRole("button", { name: "Fetch 4.8 MB and deploy" }).click();
    await dialog.getByRole("button", { name: /^Remove / }).click();
    await dialog.waitFor({ state: "detached" });
  },

  "no barrier in any look of the catalogue, and every language whole": async () => { // slow
    const { ada } = people;
    const looks = ["catalogue?openness=open&language=it", CARD, COMPARISON].map((path) => ({ page: ada, path }));
    assert.deepEqual(await flaws(looks, String.raw`(?:cat|card|cmp|deploy|field)[A-Z]\w+`), []);
  },

  "one prompt is put to models side by side, and the better answer is voted for": async () => {
    const { nina } = people;
    await at(nina, "playground?model=large&model=guide");
    await nina.getByRole("button", { name: "How do I add a model?" }).click();
    await nina.getByLabel("Prompt", { exact: true }).press("Control+Enter");
    const large = nina.getByRole("region", { name: "large" });
    const guide = nina.getByRole("region", { name: "guide" });
    await large.getByText("The stand-in has answered.").waitFor();
    await guide.getByText("From the handbook").waitFor();
    await nina.getByText("guide cost nothing.").waitFor(); // who spoke first is not said where both did in the same millisecond
    await large.getByText("Cost, exact").waitFor(); // its bill has come
    assert.deepEqual(await barriers(nina), []);
    await nina.getByRole("button", { name: "large is better" }).click();
    await nina.getByText("Kept, thank you.").waitFor();
    await nina.getByText("Of 1 comparison in your project so far: guide 0, large 1").waitFor();
    await nina.reload();
    await large.getByText("Its answer will stand here.").waitFor();
    assert.equal(await nina.getByLabel("Prompt", { exact: true }).inputValue(), "How do I add a model?");
    assert.deepEqual(complaints(nina), []);
  },

  "models are compared without their names, and stopped": async () => { // slow
    const { nina } = people;
    await at(nina, "playground?model=large&model=guide");
    await nina.getByLabel("Blind").check();
    await nina.getByLabel("Prompt", { exact: true }).fill("How do I add a model?");
    await nina.getByRole("button", { name: "Ask them" }).click();
    await nina.getByRole("button", { name: "B is better" }).waitFor();
    const answers = nina.getByRole("group", { name: "Answers side by side" });
    assert.doesNotMatch(await answers.innerText(), /large|guide|Cost|tokens/i);
    await nina.getByRole("button", { name: "None is good" }).click();
    await nina.getByText("Kept, thank you.").waitFor();
    await nina.getByRole("region", { name: "large" }).getByText("Cost").waitFor();
    await nina.getByLabel("Blind").uncheck();
    await nina.getByLabel("Prompt", { exact: true }).fill("Tell the whole history of the town.");
    await nina.getByRole("button", { name: "Ask them" }).click();
    const large = nina.getByRole("region", { name: "large" });
    await large.getByText("Once").waitFor();
    await large.getByText("Writing").waitFor();
    await nina.getByRole("button", { name: "Stop all" }).click();
    await large.getByText("Stopped").waitFor();
    await large.getByText("Cost, estimated").waitFor(); // a stopped answer is billed, too
  },

  "what is asked is checked, shown as code and carried into a chat": async () => {
    const { nina } = people;
    await at(nina, "playground?model=large");
    await nina.getByLabel("Instructions").fill("Be brief.");
    await nina.getByLabel("Prompt", { exact: true }).fill("When is the town hall open?");
    await nina.getByText("Parameters, tools, form of the answer").click();
    await nina.getByLabel("Temperature").fill("3");
    await nina.getByText("A number from 0 to 2.").waitFor();
    await nina.getByLabel("Temperature").fill("0,5");
    const tools = nina.getByLabel("Tools (JSON)");
    await tools.fill('[\n {"type" "function"}\n]');
    await nina.getByText("Line 2, column 10: a colon should stand here.").waitFor();
    await tools.fill('[\n {"type": "function",\n  "function": {"name": "two words"}}\n]');
    await nina.getByRole("button", { name: "Ask them" }).click();
    await nina.getByText(/^Line 3: .* make a name/).waitFor();
    assert.deepEqual(await barriers(nina), []);
    await tools.fill("");
    await nina.getByRole("button", { name: "View code" }).click();
    const dialog = nina.getByRole("dialog", { name: "View code" });
    const code = dialog.locator("pre");
    assert.match(await code.innerText(), /curl http.*"temperature": 0\.5/s);
    await dialog.getByRole("tab", { name: "ollama" }).click();
    assert.match(await code.innerText(), /options=\{"temperature": 0\.5\}/);
    assert.ok(!(await dialog.innerText()).includes(given.key), "the key is in the code");
    assert.deepEqual(await barriers(nina), []);
    await dialog.getByRole("button", { name: "Close" }).click();
    await dialog.waitFor({ state: "detached" });
    await nina.getByRole("button", { name: "Ask them" }).click();
    await nina.getByRole("button", { name: "Open as a chat" }).click();
    await nina.getByRole("button", { name: /^Model: large/ }).waitFor();
    await until(() => nina.getByLabel("Your question", { exact: true }).inputValue(), "When is the town hall open?");
    const { data } = await api(nina, "GET", "/conversations");
    const begun = await api(nina, "GET", `/conversations/${data[0].id}`);
    assert.equal(begun.instructions, "Be brief.");
    assert.equal(begun.parameters.temperature, 0.5);
    assert.deepEqual(complaints(nina), []);
  },

  "engines are seen at work": async () => {
    const { ada, nina } = people;
    await at(ada, "");
    await ada.getByRole("button", { name: "Ada Keller" }).click();
    await ada.getByRole("menuitem", { name: "Engines" }).click();
    await ada.getByText(/^\d of \d engines answer.*they take .* of memory\.$/).waitFor();
    await ada.getByRole("img", { name: /^Memory: .*free/ }).waitFor();
    const large = ada.getByRole("region", { name: "Served elsewhere" }).getByRole("row", { name: /large/ });
    const leave = new AbortController();
    const asked = await fetch(`${given.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${given.key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "large", stream: true, messages: [{ role: "user", content: "The history." }] }),
      signal: leave.signal,
    });
    assert.equal(asked.status, 200);
    await until(() => large.getByRole("cell").nth(1).innerText(), "1"); // while it is looked at
    leave.abort();
    await until(() => large.getByRole("cell").nth(1).innerText(), "0");
    assert.deepEqual(await barriers(ada), []);
    await ada.context().setOffline(true);
    await ada.getByRole("alert").getByText("does not answer").waitFor();
    await ada.getByRole("row", { name: /demo/ }).waitFor(); // as it was last
    await ada.context().setOffline(false);
    await ada.getByRole("alert").waitFor({ state: "detached" });
    await at(nina, "engines");
    await nina.getByRole("row", { name: /demo/ }).waitFor();
    assert.equal(await nina.getByText("Memory").count(), 0);
    assert.deepEqual(complaints(nina), []);
  },

  "an engine falls asleep and wakes, and its page says so in every language": async () => { // slow
    const { ada } = people;
    await api(ada, "POST", "/pulls", {
      source: `hf:${given.repository}`, name: "drowsy-file", deploy: { name: "drowsy", scale_to_zero_after_s: 1 },
    });
    await at(ada, "engines");
    const drowsy = ada.getByRole("row", { name: /drowsy/ });
    await drowsy.getByText("Asleep").waitFor();
    await drowsy.getByText(/^Wakes in about [\d.]+\s(ms|s) when it is asked$/).waitFor();
    await ada.getByText(/engines answer; \d asleep/).waitFor();
    const { in_flight } = (await api(ada, "GET", "/engines")).data.find(({ deployment }) => deployment === "drowsy");
    assert.equal(in_flight, 0);
    const asked = await fetch(`${given.url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${given.key}`, "content-type": "application/json" },
      body: JSON.stringify({ model: "drowsy", max_tokens: 4, messages: [{ role: "user", content: "Hello" }] }),
    });
    assert.equal(asked.status, 200, await asked.text());
    await drowsy.getByText("Asleep").waitFor();
    assert.deepEqual(await flaws([{ page: ada, path: "engines" }], String.raw`null|asleep|(?:eng|state)[A-Z]\w+`), []);
    await api(ada, "DELETE", "/deployments/drowsy?remove_file=true");
  },
};

await run(flows);
