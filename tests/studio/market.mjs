// Models that projects offer to others, and projects that are paid for in advance, as people use
// them. One platform for all; flows go on where the ones before ended.
// Usage: node market.mjs, with {"browser", "url", "link", "key", "standin"} as a line of JSON on stdin.

import assert from "node:assert/strict";
import { answered, barriers, complaints, given, run, until } from "./driver.mjs";
import { api, arrived, at, flaws, isServed, joined } from "./members.mjs";

const people = {}; // pages of those who are signed in: ada (administrator), marc (geneva), lea (vaud), olga (acme)

/** Ask in the playground until it is refused; returns how many answers came before. */
async function answersUntilRefused(page, column) {
  for (let answers = 0; ; answers += 1) {
    await page.getByLabel("Prompt", { exact: true }).fill("Do I need a permit for a shed?");
    await page.getByRole("button", { name: "Ask them" }).click();
    await column.getByText("Done").or(column.getByText("No answer")).waitFor();
    if ((await column.getByText("No answer").count()) > 0) return answers;
    await column.getByText("The stand-in has answered.").waitFor();
    assert.ok(answers < 20, "it never runs out");
  }
}

/** Ask `model` as a program; returns the status and the answer. */
async function asked(model, secret, content) {
  const response = await fetch(`${given.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${secret}`, "content-type": "application/json" },
    body: JSON.stringify({ model, max_tokens: 16, messages: [{ role: "user", content }] }),
  });
  return { status: response.status, ...(await response.json()) };
}

/** An amount of money in the ledger's own nano-units. */
function nano(amount) {
  const [whole, part = ""] = amount.split(".");
  return Number(whole + part.padEnd(9, "0"));
}

/** What the gateway would still let `secret` spend of `model`, in nano-units, by asking too much. */
async function leftFor(model, secret) {
  const { status, error } = await asked(model, secret, "permit ".repeat(5000));
  assert.equal(status, 429, JSON.stringify(error));
  return nano(error.left);
}

const flows = {
  "a project publishes, another finds it, accepts it and uses it, and both statements agree to the last digit": async () => {
    const ada = (people.ada = await joined(given.link, "Ada Keller"));
    const [geneva, vaud] = [await api(ada, "POST", "/projects", { name: "geneva" }), await api(ada, "POST", "/projects", { name: "vaud" })];
    const invite = async (project, role) => (await api(ada, "POST", "/invitations", { project_id: project.id, role })).url;
    people.marc = await joined(await invite(geneva, "manager"), "Marc Favre");
    people.lea = await joined(await invite(vaud, "manager"), "Lea Blanc");
    const { marc, lea } = people;
    await api(marc, "POST", "/deployments", {
      name: "permits", url: given.standin, key: "of-geneva", upstream_model: "large", project_id: geneva.id, context_tokens: 8000,
      price: { input_per_mtok: "0.10", output_per_mtok: "0.30" },
    });
    await at(marc, "published");
    await marc.getByRole("button", { name: "Publish a model" }).click();
    const publishing = marc.getByRole("dialog", { name: "Publish a model" });
    const publish = () => publishing.getByRole("button", { name: "Publish a model" }).click();
    await publishing.getByText("Not below what serving it costs: €0.10 read, €0.30 written").waitFor();
    await publishing.getByLabel("Name", { exact: true }).fill("permits");
    await publishing.getByLabel("What it is").fill("Answers questions about building permits.");
    await publishing.getByLabel("Languages").fill("fr de");
    await publishing.getByLabel("Price of reading").fill("0,23");
    await publishing.getByLabel("Price of writing").fill("0,29");
    await publish();
    await publishing.getByText("That is less than serving it costs (€0.30).").waitFor();
    await publishing.getByLabel("Price of writing").fill("0,67");
    await publish();
    await publishing.waitFor({ state: "detached" });
    await marc.getByRole("heading", { name: "geneva/permits" }).waitFor();
    await marc.getByText("Nobody has accepted it yet.").waitFor();

    await at(lea, "published");
    await lea.getByRole("link", { name: "geneva/permits" }).click();
    await lea.getByText("French, German").waitFor();
    assert.deepEqual(await barriers(lea), []);
    await lea.getByRole("button", { name: "Accept" }).click();
    const terms = lea.getByRole("dialog", { name: "Accept geneva/permits" });
    await terms.getByText("€0.23 per million tokens read, €0.67 written.").waitFor();
    await terms.getByRole("button", { name: "Accept" }).click();
    await terms.getByText("Please confirm that you have read the terms.").waitFor();
    await terms.getByRole("checkbox").check();
    await terms.getByRole("button", { name: "Accept" }).click();
    await terms.waitFor({ state: "detached" });
    await lea.getByRole("link", { name: "Try it" }).click();
    await lea.getByRole("region", { name: "geneva/permits" }).waitFor();
    const { secret } = await api(ada, "POST", "/keys", { project_id: vaud.id, name: "watching" });
    await until(() => isServed("geneva/permits", secret), true); // gateways follow within two seconds
    await lea.getByLabel("Prompt", { exact: true }).fill("Do I need a permit for a shed?");
    await lea.getByRole("button", { name: "Ask them" }).click();
    await lea.getByText("The stand-in has answered.").waitFor();
    await lea.getByText("Cost, exact").waitFor();
    await at(lea, "models");
    await lea.getByRole("row", { name: /^geneva\/permits/ }).getByRole("link", { name: "offered by geneva" }).waitFor();

    const month = new Date().toISOString().slice(0, 7);
    const bought = async () => (await api(lea, "GET", `/statements?project_id=${vaud.id}&month=${month}`)).bought.map(({ requests }) => requests);
    await until(bought, [1]);
    const shown = {};
    for (const [side, page] of Object.entries({ bought: lea, sold: marc })) {
      await at(page, "statements?exact=true");
      const cells = page.getByRole("row", { name: /^geneva\/permits/ }).getByRole("cell");
      shown[side] = [await cells.nth(5).innerText(), await cells.last().innerText()];
    }
    assert.match(shown.bought[0], /^0\.\d{9}$/);
    assert.deepEqual(shown.bought, shown.sold);
    const { sold } = await api(marc, "GET", `/statements?project_id=${geneva.id}&month=${month}`);
    assert.equal(Number(sold[0].income), (sold[0].prompt_tokens * 23 + sold[0].completion_tokens * 67) / 1e8);
    for (const page of [lea, marc]) assert.deepEqual(complaints(page), []);
  },

  "a newer version, an end, and what is gone: each side is told": async () => { // slow
    const { ada, marc, lea } = people;
    const found = (await api(marc, "GET", "/publications")).data.find(({ name }) => name === "geneva/permits");
    await at(lea, "published");
    await lea.getByText("Your project’s identifier").click();
    const vaud = (await lea.locator("details pre").first().innerText()).trim();
    await at(marc, `published/${found.id}`);
    await marc.getByRole("button", { name: "New version" }).click();
    const changing = marc.getByRole("dialog", { name: "New version of geneva/permits" });
    await changing.getByLabel("Price of reading").fill("0.31");
    await changing.getByLabel("only these projects").check();
    await changing.getByLabel("Their identifiers").fill("prj_nobody");
    await changing.getByRole("button", { name: "New version" }).click();
    await changing.getByText("There is no project prj_nobody.").waitFor();
    await changing.getByLabel("Their identifiers").fill(vaud);
    await changing.getByRole("button", { name: "New version" }).click();
    await changing.waitFor({ state: "detached" });
    await marc.getByText("by geneva, version 2 of").waitFor();

    // The old one holds until the new one is accepted; what has changed since it was opened is shown.
    await at(lea, `published/${found.id}`);
    await lea.getByText("Price so far: €0.23").waitFor();
    assert.deepEqual(await barriers(lea), []);
    await lea.getByRole("button", { name: "Accept the new version" }).click();
    const terms = lea.getByRole("dialog", { name: "Accept geneva/permits" });
    await api(marc, "PUT", `/publications/${found.id}`, { terms: "Shorter terms." });
    await terms.getByRole("checkbox").check();
    await terms.getByRole("button", { name: "Accept" }).click();
    await terms.getByText("Nothing was accepted: here are its terms").waitFor();
    await terms.getByText("Shorter terms.").waitFor();
    await terms.getByText("of version 3").waitFor();
    await terms.getByRole("checkbox").check();
    await terms.getByRole("button", { name: "Accept" }).click();
    await terms.waitFor({ state: "detached" });
    await lea.getByText("vaud accepted version 3").waitFor();

    await at(lea, "?model=geneva%2Fpermits");
    await lea.getByRole("button", { name: /^Model: geneva\/permits/ }).waitFor();
    await api(marc, "DELETE", "/deployments/permits");
    await until(async () => (await api(lea, "GET", `/publications/${found.id}`)).state, "deployment_gone");
    await lea.getByLabel("Your question", { exact: true }).fill("Do I need a permit?");
    await lea.keyboard.press("Enter");
    await lea.getByRole("alert").getByText("Your text is safe here. This model is no longer offered here.").waitFor();
    await until(() => lea.getByLabel("Your question", { exact: true }).inputValue(), "Do I need a permit?");
    await at(lea, `published/${found.id}`);
    await lea.getByText("It cannot be used just now").waitFor();
    assert.equal(await lea.getByRole("link", { name: "Try it" }).count(), 0);
    assert.deepEqual(await barriers(lea), []);
    await lea.getByRole("button", { name: "End its use" }).click();
    const ending = lea.getByRole("dialog", { name: "End the use of geneva/permits" });
    await ending.getByRole("button", { name: "End its use" }).click();
    await ending.waitFor({ state: "detached" });
    await lea.getByText("accepted version").waitFor({ state: "detached" });

    await at(marc, `published/${found.id}`);
    await marc.getByText("What serves it is gone").waitFor();
    await marc.getByText("Ended on").last().waitFor();
    await marc.getByRole("button", { name: "Withdraw" }).click();
    const withdrawing = marc.getByRole("dialog", { name: "Withdraw geneva/permits" });
    await withdrawing.getByRole("button", { name: "Withdraw" }).click();
    await withdrawing.waitFor({ state: "detached" });
    await marc.getByText("It is no longer offered.").waitFor();
    await at(ada, "published/pub_nothing");
    await ada.getByRole("heading", { name: "This is not offered to you" }).waitFor();
    for (const page of [ada, marc, lea]) assert.deepEqual(complaints(page), []);
  },

  "a stranger with a prepaid project asks until it runs out, is told so, and goes on once it is topped up": async () => { // slow
    const { ada } = people;
    await api(ada, "POST", "/deployments", {
      name: "dear", url: given.standin, upstream_model: "large", context_tokens: 100000,
      price: { input_per_mtok: "100", output_per_mtok: "100" },
    });
    await at(ada, "people");
    await ada.getByRole("button", { name: "Invite somebody" }).click();
    const inviting = ada.getByRole("dialog", { name: "Invite somebody" });
    await inviting.getByLabel("Project").selectOption({ label: "A new project of their own, prepaid" });
    await inviting.getByLabel("Name of the new project").fill("default");
    await inviting.getByLabel("Prepaid, in EUR").fill("0,05");
    await inviting.getByRole("button", { name: "Make the link" }).click();
    await inviting.getByText("A project of this name is here already").waitFor();
    await inviting.getByLabel("Name of the new project").fill("acme");
    await inviting.getByRole("button", { name: "Make the link" }).click();
    const made = ada.getByRole("dialog", { name: "The invitation is ready" });
    const link = (await made.locator("pre").first().innerText()).trim();
    await made.getByRole("button", { name: "Done" }).click();
    await made.waitFor({ state: "detached" });
    await ada.getByText("makes the project acme, with €0.05").waitFor();
    assert.deepEqual(await barriers(ada), []);
    const olga = (people.olga = await arrived(link, "Olga Novak", "olga@example.org"));
    const [acme] = (await api(olga, "GET", "/session")).projects;
    await at(olga, "usage");
    await olga.getByText("€0.05 left of €0.05.").waitFor();
    await at(olga, "playground?model=dear");
    await olga.getByText("Parameters, tools, form of the answer").click();
    await olga.getByLabel("Longest answer (tokens)").fill("16");

    const column = olga.getByRole("region", { name: "dear" });
    const answers = await answersUntilRefused(olga, column);
    assert.ok(answers > 0, await column.innerText());
    await column.getByText(/^This request may cost up to €0\.04\d*, and the budget has €0\.04\d* left\./).waitFor();
    await column.getByText(/^The total budget of the project 'acme' cannot afford this request/).waitFor();
    assert.deepEqual(await barriers(olga), []);

    // In a chat it is no other; who has paid nothing more can only see what was paid.
    await api(olga, "PATCH", "/me", { language: "fr" });
    await at(olga, "?model=dear");
    await olga.locator(".composer").getByRole("textbox").fill("Faut-il un permis pour un abri de jardin ?");
    await olga.keyboard.press("Enter");
    await olga.getByText(/^Cette demande peut coûter jusqu’à .*, et il reste .* au budget\./).waitFor();
    assert.deepEqual(await barriers(olga), []);
    const chat = olga.url();
    await api(olga, "PATCH", "/me", { language: "en" });
    await at(olga, "usage");
    await olga.getByRole("button", { name: "Paid in: acme" }).click();
    const paid = olga.getByRole("dialog", { name: "Paid in for acme" });
    await paid.getByText("€0.05").last().waitFor();
    assert.equal(await paid.getByRole("textbox").count(), 0);
    await paid.getByRole("button", { name: "Close" }).last().click();
    await paid.waitFor({ state: "detached" });

    await at(ada, "usage");
    await ada.getByRole("button", { name: "Top up: acme" }).click();
    const topping = ada.getByRole("dialog", { name: "Top acme up" });
    await topping.getByLabel("Amount, in EUR").fill("1");
    await topping.getByLabel("Reference").fill("invoice 7");
    assert.deepEqual(await barriers(ada), []);
    await topping.getByRole("button", { name: "Top up" }).click();
    await topping.waitFor({ state: "detached" });
    await ada.getByText(/^€1\.04\d* left of €1\.05\./).waitFor();
    // Who has a project of their own makes its keys, without an administrator.
    await at(olga, "usage");
    await olga.getByRole("button", { name: "Issue a key" }).click();
    const issuing = olga.getByRole("dialog", { name: "Issue a key" });
    await issuing.getByLabel("Name").fill("watching");
    await issuing.getByRole("button", { name: "Issue a key" }).click();
    const issued = olga.getByRole("dialog", { name: "The key" });
    const secret = (await issued.locator("pre").innerText()).trim().replace("export TRAMONTANE_KEY=", "");
    await issued.getByRole("button", { name: "Done" }).click();
    await issued.waitFor({ state: "detached" });
    await olga.getByRole("row", { name: /watching/ }).getByRole("button", { name: "Edit" }).click();
    const editing = olga.getByRole("dialog", { name: "The key “watching”" });
    await editing.getByLabel("Requests per minute, at most").fill("none");
    await editing.getByRole("button", { name: "Save" }).click();
    await editing.getByText("Write a whole number of 1 or more, or nothing.").waitFor();
    await editing.getByLabel("Requests per minute, at most").fill("900");
    assert.deepEqual(await barriers(olga), []);
    await editing.getByRole("button", { name: "Save" }).click();
    await editing.waitFor({ state: "detached" });
    const [own] = (await api(olga, "GET", "/keys")).data.filter(({ name }) => name === "watching");
    assert.deepEqual([own.requests_per_minute, own.tokens_per_minute, own.rights], [900, null, ["infer", "read"]]);
    await at(olga, "engines"); // what others ask is not hers to see
    await olga.getByRole("columnheader", { name: "Waiting" }).first().waitFor();
    assert.equal(await olga.getByRole("columnheader", { name: "Last used" }).count(), 0);
    await at(ada, "engines");
    await ada.getByRole("columnheader", { name: "Last used" }).first().waitFor();
    await until(async () => (await asked("dear", secret, "Hello")).status, 200); // gateways follow within two seconds
    await olga.goto(chat);
    await olga.getByRole("button", { name: "Try again" }).click();
    await olga.getByText("The stand-in has answered.").waitFor();

    // To the last request that can be paid, many at once: what is billed is what was counted, never more.
    const before = await leftFor("dear", secret);
    let counted = 0;
    const buy = async () => {
      for (;;) {
        const answer = await asked("dear", secret, "permit ".repeat(200));
        if (answer.status !== 200) return answer.error;
        counted += (answer.usage.prompt_tokens + answer.usage.completion_tokens) * 100_000;
      }
    };
    const refusals = await Promise.all(Array.from({ length: 8 }, buy));
    for (const { code, left, may_cost } of refusals) assert.ok(code === "insufficient_quota" && nano(left) < nano(may_cost), code);
    const left = await leftFor("dear", secret);
    assert.equal(left, before - counted);
    assert.ok(counted > 0 && left >= 0, `${left} left after ${counted}`);
    await until(async () => nano((await api(olga, "GET", `/projects/${acme.id}/prepaid`)).left), left);
    for (const page of [ada, olga]) assert.deepEqual(complaints(page), []);
  },

  "no barrier in any look of published models, statements and prepaid, and every language whole": async () => { // slow
    const { ada, marc, lea, olga } = people;
    const { id } = (await api(marc, "GET", "/publications")).data.find(({ name }) => name === "geneva/permits");
    const looks = [
      [marc, "published", ".actions .primary"], [marc, `published/${id}`], [marc, "statements"], [lea, "statements"],
      [lea, "published"], [olga, "usage"], [ada, "people", ".actions .primary"],
    ].map(([page, path, opens]) => ({ page, path, opens }));
    assert.deepEqual(await flaws(looks, String.raw`null|(?:mkt|topUp|invite|invitation|failed)[A-Z]\w+`), []);
  },
};

await run(flows);
