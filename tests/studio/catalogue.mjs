// The catalogue and what follows from it as people use it: find, compare, deploy, try; engines;
// models offered to other projects. One platform for all; flows go on where the ones before ended.
// Usage: node catalogue.mjs, with {"browser", "url", "link", "key", "standin", "files"} as a line of
// JSON on stdin.

import assert from "node:assert/strict";
import { barriers, complaints, given, opened, run, until } from "./driver.mjs";

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

  "one prompt is put to models side by side, and the better answer is voted for": async () => {
    const { nina } = people;
    await at(nina, "playground?model=large&model=guide");
    await nina.getByRole("button", { name: "How do I add a model?" }).click();
    await nina.getByLabel("Prompt", { exact: true }).press("Control+Enter");
    const large = nina.getByRole("region", { name: "large" });
    const guide = nina.getByRole("region", { name: "guide" });
    await large.getByText("The stand-in has answered.").waitFor();
    await guide.getByText("From the handbook").waitFor();
    await nina.getByText("spoke first, after").waitFor();
    await nina.getByText("guide cost nothing.").waitFor();
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
};

await run(flows);
