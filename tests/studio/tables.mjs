// Tables as people ask them, from the first screen on: answered by the guide, without a network.
// Usage: node tables.mjs, with {"browser", "url", "link", "folder"} as a line of JSON on stdin.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { answered, barriers, complaints, given, opened, run, until } from "./driver.mjs";

const PASSWORD = "seven grey herons over Sion";
const HIGHEST = "Which 10 providers have the highest average output price?";
let page;
let address;

const card = (n = 0) => page.locator(".card").nth(n);
const receipts = () => page.getByRole("button", { name: /^Receipt: / });

async function ask(question, nth) {
  await page.getByLabel("Your question").fill(question);
  await page.keyboard.press("Enter");
  await receipts().nth(nth).waitFor();
}

/** The file that a choice in the first card's menu gives. */
async function downloaded(name) {
  await card().getByRole("button", { name: "Download" }).click();
  const coming = page.waitForEvent("download");
  await page.getByRole("menuitem", { name }).click();
  const download = await coming;
  return { name: download.suggestedFilename(), body: readFileSync(await download.path()) };
}

const flows = {
  "from the first screen to a bound number, a chart, other SQL and files": async () => {
    page = await opened({ acceptDownloads: true, viewport: { width: 1280, height: 900 } });
    await page.goto(given.link);
    await page.getByLabel("Your name").fill("Ada Keller");
    await page.getByLabel("E-mail").fill("ada@example.org");
    await page.getByLabel("New password").fill(PASSWORD);
    await page.getByRole("button", { name: "Make the account" }).click();
    await page.getByRole("button", { name: /^Question this table/ }).click();
    await page.getByRole("heading", { name: "Ask this table" }).waitFor();
    await page.getByRole("cell", { name: "302.AI" }).first().waitFor(); // the first rows of the file
    await page.getByRole("heading", { name: "Output price" }).waitFor(); // and its columns
    assert.deepEqual(await barriers(page), []);
    await page.getByRole("button", { name: HIGHEST }).click();
    await receipts().first().waitFor();
    address = page.url();

    await card().getByRole("img", { name: /highest for OpenAI \(42\.07\)/ }).waitFor();
    await until(() => card().locator("tbody tr").count(), 10);
    const number = page.locator(".prose .checked.number", { hasText: "42.07" });
    await number.click();
    await card().locator("td.lit", { hasText: "42.07" }).waitFor();
    assert.equal(await page.locator(".prose .unproven").count(), 0);

    await answered(page, "PUT", () => card().getByLabel("Kind of chart").selectOption("Columns"));
    await card().getByRole("button", { name: "Change the title" }).click();
    await page.getByLabel("Title of the chart").fill("Who asks most");
    await answered(page, "PUT", () => page.keyboard.press("Enter"));
    await card().getByRole("img", { name: "Who asks most" }).waitFor();
    await page.reload(); // what was changed is kept
    await card().getByRole("img", { name: "Who asks most" }).waitFor();
    await until(() => card().getByLabel("Kind of chart").inputValue(), "column");

    const svg = await downloaded("Chart as SVG");
    assert.equal(svg.name, "Who-asks-most.svg");
    for (const part of ["<svg", "Who asks most", "OpenAI"]) assert.ok(svg.body.includes(part), part);
    assert.deepEqual([...(await downloaded("Chart as PNG")).body.subarray(1, 4)], [...Buffer.from("PNG")]);
    const csv = (await downloaded("Rows as CSV")).body.toString();
    assert.match(csv, /^Provider,Output price \(average\)\r\nOpenAI,42\.07/);

    await card().getByRole("button", { name: "SQL", exact: true }).click();
    const sql = card().getByLabel("The question as SQL");
    await sql.fill('DROP TABLE "prices_of_language_models"');
    await card().getByRole("button", { name: "Run" }).click();
    await card().getByRole("alert").getByText("cannot be run here").waitFor();
    await sql.fill('SELECT "provider" AS "Provider", count(*) AS "Offers" FROM "prices_of_language_models" GROUP BY 1 ORDER BY 2 DESC LIMIT 3');
    await page.keyboard.press("Control+Enter");
    await card().getByRole("cell", { name: "275" }).waitFor();
    await card().getByText("SQL changed by hand").waitFor();
    await page.locator(".prose .checked.number.unproven").first().waitFor(); // the words stayed, their numbers are gone
    assert.deepEqual(await barriers(page), []);
    assert.deepEqual(complaints(page), []);
  },

  "a table's page, and the other questions": async () => { // slow
    await page.goto(address);
    await ask("How many models were released per month?", 1);
    await card(1).getByRole("img", { name: /April 2026/ }).waitFor();
    await ask("And per year?", 2);
    await card(2).getByRole("cell", { name: "2025" }).waitFor();
    assert.deepEqual(await barriers(page), []);
    await page.goto(`${given.url}/#/`);
    await page.getByRole("button", { name: /^Question this table/ }).click();
    await page.getByRole("link", { name: "All columns and rows" }).click();
    await page.getByRole("heading", { name: "Prices of language models" }).waitFor();
    await page.getByText("Rows 1 to 50 of 3,213").waitFor();
    await page.getByRole("button", { name: "Next rows" }).click();
    await page.getByText("Rows 51 to 100 of 3,213").waitFor();
    await page.getByRole("img", { name: /How the values of Output price are spread/ }).waitFor();
    assert.deepEqual(await barriers(page), []);
    await page.getByRole("button", { name: "Ask about this table" }).click();
    await page.getByRole("heading", { name: "Ask this table" }).waitFor();
    await page.goto(`${given.url}/#/tables/tab_0000`);
    await page.getByRole("heading", { name: "no longer here" }).waitFor();
    assert.deepEqual(complaints(page), []);
  },

  "the report is opened beside its questions": async () => { // slow
    await page.goto(`${given.url}/#/`);
    await page.getByRole("button", { name: /^Ask this report/ }).click();
    await page.getByRole("heading", { name: "Ask this report" }).waitFor();
    await page.getByText("What Tramontane measures.pdf").first().waitFor();
    await page.locator(".evidence canvas").first().waitFor();
    assert.deepEqual(await barriers(page), []);
    assert.deepEqual(complaints(page), []);
  },

  "a database is connected, asked and removed": async () => { // slow
    await page.goto(`${given.url}/#/connections`);
    await page.getByRole("button", { name: "Connect a database" }).click();
    await page.getByRole("button", { name: "Test" }).click();
    await page.getByText("Please give it a name.").waitFor();
    await page.getByLabel("Name", { exact: true }).fill("Library loans");
    await page.getByLabel("Kind").selectOption("SQLite");
    await page.getByLabel("Address", { exact: true }).fill(`${given.folder}/nothing.sqlite`);
    await page.getByRole("button", { name: "Test" }).click();
    await page.locator("dialog .refused").waitFor();
    await page.getByLabel("Address", { exact: true }).fill(`${given.folder}/loans.sqlite`);
    await page.getByRole("button", { name: "Test" }).click();
    await page.getByText("It answers and has 1 table.").waitFor();
    assert.deepEqual(await barriers(page), []);
    await page.getByRole("dialog").getByRole("button", { name: "Connect" }).click();
    await page.getByRole("button", { name: "Library loans", exact: true }).click();
    await page.getByRole("link", { name: "loans" }).waitFor();
    assert.deepEqual(await barriers(page), []);
    await page.getByRole("link", { name: "Ask this database" }).click();
    await page.getByLabel("Your question").fill("What is the sum of days?");
    await page.keyboard.press("Enter");
    await card().getByRole("cell", { name: "28" }).waitFor();
    await page.goto(`${given.url}/#/connections`);
    await page.getByRole("button", { name: "Look at its tables again: Library loans" }).click();
    await page.getByText("known anew").waitFor();
    await page.getByRole("button", { name: "Remove: Library loans" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await page.getByText("No database is connected").waitFor();
    assert.deepEqual(complaints(page), []);
  },
};

await run(flows);
