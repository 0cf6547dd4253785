// Documents as a person uses them: brought into a conversation or a library, asked, looked up.
// Usage: node documents.mjs, with {"browser", "url", "link", "files", "facts", …} as a line of JSON.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { barriers, complaints, given, opened, run, until } from "./driver.mjs";

const PASSWORD = "seven grey herons over Sion";
let state;

/** A page of the one who is signed in; `path` is the hash route. */
async function at(path = "/", options = {}) {
  const page = await opened({ storageState: state, viewport: { width: 1400, height: 900 }, ...options });
  await page.goto(`${given.url}/#${path}`);
  return page;
}

const file = (name) => `${given.files}/${name}`;
const question = (page) => page.getByLabel("Your question", { exact: true });
const attached = (page) => page.getByRole("list", { name: "Attached" });
const receipts = (page) => page.getByRole("button", { name: /^Receipt: / });
const answer = (page) => page.locator(".turn.assistant").last();
const written = (page, text) => until(() => question(page).inputValue(), text);
const evidence = (page) => page.getByRole("complementary", { name: "Evidence" });

/** Drop the files of these names on the element, as a person does from the desktop. */
async function drop(page, selector, names) {
  const files = names.map((name) => ({ name, body: readFileSync(file(name)).toString("base64") }));
  await page.evaluate(({ selector, files }) => {
    const data = new DataTransfer();
    for (const { name, body } of files) {
      data.items.add(new File([Uint8Array.from(atob(body), (sign) => sign.charCodeAt(0))], name));
    }
    const target = document.querySelector(selector);
    for (const type of ["dragenter", "dragover", "drop"]) {
      target.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: data }));
    }
  }, { selector, files });
}

async function ask(page, text, model) {
  await page.getByRole("button", { name: /^Model: \w/ }).click();
  await page.getByRole("menuitemradio", { name: new RegExp(`^${model}`) }).click();
  const before = await receipts(page).count();
  await question(page).fill(text);
  await question(page).press("Enter");
  await receipts(page).nth(before).waitFor();
}

/** In the page: how much of the words of `sentence` on the document's page `at` lies in the marked rectangles. */
async function covered(page, sentence, at) {
  return page.evaluate(([sentence, at]) => {
    const sheet = document.querySelector(`.sheet[data-page="${at}"]`); // the answer may mark others, too
    const boxes = [...sheet.querySelectorAll(".box")].map((box) => box.getBoundingClientRect());
    const texts = [...sheet.querySelectorAll(".words span")].filter((span) => span.firstChild instanceof Text);
    let inside = 0;
    let all = 0;
    let words = "";
    for (const span of texts) {
      const text = span.textContent;
      if (text.trim().length < 4 || !sentence.includes(text.trim())) continue;
      words += `${text.trim()} `;
      const a = span.getBoundingClientRect();
      all += a.width * a.height;
      for (const b of boxes) {
        const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (width > 0 && height > 0) inside += width * height;
      }
    }
    const size = boxes.reduce((sum, { width, height }) => sum + width * height, 0);
    return { share: all ? inside / all : 0, excess: all ? size / all : Infinity, words: words.trim(), boxes: boxes.length, marked: document.querySelectorAll(".sheet .box").length };
  }, [sentence, at]);
}

const flows = {
  "a report in five languages is dropped, asked, and cited to the very line": async () => {
    const page = await opened({ viewport: { width: 1400, height: 900 } });
    await page.goto(given.link);
    await page.getByLabel("Your name").fill("Ada Keller");
    await page.getByLabel("E-mail").fill("ada@example.org");
    await page.getByLabel("New password").fill(PASSWORD);
    await page.getByRole("button", { name: "Make the account" }).click();
    await page.getByRole("button", { name: "Understood" }).click();
    state = await page.context().storageState();

    const fact = given.facts[0];
    await question(page).fill("not lost");
    await drop(page, ".chat", ["scanned.pdf", "broken.pdf", "locked.pdf", "report.pdf"]);
    await attached(page).getByText("The file is damaged").waitFor();
    await attached(page).getByText("protected by a password").waitFor();
    await attached(page).getByText("Scanned: pictures of text").waitFor();
    await written(page, "not lost");
    for (const name of ["broken.pdf", "locked.pdf"]) {
      await page.getByRole("button", { name: `Remove ${name}` }).click();
      await attached(page).getByText(name).waitFor({ state: "detached" });
    }
    // Sent while the report is still being read: the answer waits for it.
    await ask(page, fact.question, "guide");
    await page.locator(".turn.user").getByText("report.pdf").waitFor();
    const proven = answer(page).locator(".checked.quote.proven").filter({ hasText: fact.number }).first();
    await proven.click();
    await evidence(page).locator(".sheet[data-drawn] .box.proven").first().waitFor();
    await until(() => evidence(page).locator("input.at").inputValue(), String(fact.page));
    await until(async () => {
      const seen = await covered(page, fact.sentence, fact.page); // a busy page draws its marks after its text
      return (seen.words.includes(fact.number) && seen.share > 0.85 && seen.excess < 1.8) || JSON.stringify(seen);
    }, true);
    assert.deepEqual(await barriers(page), []);
    await page.keyboard.press("Escape");
    await evidence(page).waitFor({ state: "detached" });
    await until(() => proven.evaluate((node) => node === document.activeElement), true); // the focus comes back

    // A model that quotes truly and falsely, and names a source that there is not.
    await ask(page, fact.question, "large");
    await answer(page).getByRole("button", { name: fact.sentence }).waitFor();
    assert.equal(await answer(page).locator(".checked.quote.unproven").innerText(), `“${given.lie}”not found in the documents`);
    assert.equal(await answer(page).locator(".checked.citation.unproven").innerText(), "[97]There is no such source");
    await answer(page).getByText("1 quote found word for word").waitFor();
    await until(() => answer(page).locator(".sources > ul > li").count(), 1);
    assert.ok(page.asked.every((url) => url.startsWith(`${given.url}/`)), page.asked.filter((url) => !url.startsWith(given.url)).join("\n"));
    assert.deepEqual(complaints(page), []);
  },

  "a library takes a folder, says what is wrong, and is searched beside the page": async () => { // slow
    const page = await at("/libraries");
    await page.getByRole("button", { name: "New library" }).first().click();
    await page.getByRole("button", { name: "Make the library" }).click();
    await page.getByText("This is needed.").waitFor();
    await page.getByLabel("Name").fill("Minutes");
    await page.getByRole("button", { name: "Make the library" }).click();
    await page.getByText("Nothing in it yet").waitFor();
    assert.deepEqual(await barriers(page), []);
    await page.getByLabel("Add a folder", { exact: true }).setInputFiles(file("minutes"));
    await page.getByText("1 was here already").waitFor();
    await page.getByText("30 files added").waitFor();
    await page.getByRole("button", { name: "minutes/2026/day-30.md", exact: true }).waitFor();
    await page.getByLabel("Add files", { exact: true }).setInputFiles([file("broken.pdf"), file("report.pdf")]);
    await page.getByText("1 cannot be read").waitFor();
    await page.getByText(`${given.pages} pages`).waitFor();
    await page.getByRole("button", { name: "Close this list" }).click();
    assert.deepEqual(await barriers(page), []);

    const fact = given.facts[1];
    await page.getByRole("searchbox", { name: "Search in the documents" }).fill(`${fact.question}`);
    await page.keyboard.press("Enter");
    await page.getByText(/passages searched in/).waitFor();
    await page.locator("mark").first().waitFor();
    const hit = page.getByRole("main").getByRole("listitem").getByRole("button").first();
    assert.ok((await hit.innerText()).includes(`page ${fact.page}`));
    await hit.click();
    await evidence(page).locator(".sheet[data-drawn] .box").first().waitFor();
    await page.reload();
    await page.getByText(/passages searched in/).waitFor();
    await page.getByRole("button", { name: "Back to all documents" }).click();

    await page.getByRole("searchbox", { name: "Filter by name" }).fill("annex");
    await page.getByText("No document’s name has").waitFor();
    for (const words of ["The first annex.", "The second annex, which is longer."]) {
      const buffer = Buffer.from(words);
      await page.getByLabel("Add files", { exact: true }).setInputFiles({ name: "annex.txt", mimeType: "text/plain", buffer });
      await page.getByText("1 file added").waitFor();
      await page.getByRole("button", { name: "Close this list" }).click();
    }
    await page.getByText("version 2").waitFor();
    await page.getByRole("button", { name: "More for “annex.txt”" }).click();
    await page.getByRole("menuitem", { name: "Versions" }).click();
    await page.getByRole("dialog").getByRole("button", { name: /^version 1/ }).click();
    await evidence(page).getByText("The first annex.").waitFor();
    await evidence(page).getByText("version 1 of 2").waitFor();
    await page.keyboard.press("Escape");

    await page.getByRole("searchbox", { name: "Filter by name" }).fill("day-08");
    await page.getByRole("button", { name: "More for “minutes/2026/day-08.md”" }).click();
    await page.getByRole("menuitem", { name: "Delete" }).click();
    await page.getByRole("button", { name: "Delete", exact: true }).click();
    await page.getByText("No document’s name has").waitFor();
    assert.deepEqual(complaints(page), []);
  },

  "a document is turned, enlarged and searched by keys": async () => { // slow
    const page = await at("/libraries");
    await page.getByRole("link", { name: /^Minutes/ }).click();
    await page.getByRole("button", { name: "report.pdf", exact: true }).click();
    const panel = evidence(page);
    const number = panel.locator("input.at");
    await panel.locator(".sheet[data-drawn]").first().waitFor();
    for (const at of ["2", "3"]) {
      await page.keyboard.press("PageDown");
      await until(() => number.inputValue(), at);
    }
    await page.keyboard.press("End");
    await until(() => number.inputValue(), String(given.pages));
    await panel.locator(`.sheet[data-page="${given.pages}"][data-drawn]`).waitFor();
    await page.keyboard.press("Home");
    await until(() => number.inputValue(), "1");
    const width = () => panel.locator(".sheet").first().evaluate((sheet) => sheet.getBoundingClientRect().width);
    const before = await width();
    await page.keyboard.press("+");
    await page.waitForFunction((than) => document.querySelector(".sheet").getBoundingClientRect().width > than * 1.2, before);
    await page.keyboard.press("-");
    const fact = given.facts[2];
    await page.keyboard.press("Control+f");
    await until(() => number.count(), 0);
    await until(() => page.evaluate(() => document.activeElement.matches("input")), true);
    await page.keyboard.type(fact.place.toLocaleUpperCase());
    await page.keyboard.press("Enter");
    await panel.locator(".box.found").first().waitFor();
    const over = await page.evaluate((place) => {
      const box = document.querySelector(".box.found").getBoundingClientRect();
      const span = [...document.querySelectorAll(".sheet:has(.found) .words span")].find((one) => one.textContent.includes(place)).getBoundingClientRect();
      return box.left >= span.left - 2 && box.right <= span.right + 2 && Math.abs(box.top - span.top) < 4;
    }, fact.place);
    assert.ok(over, "what was found is marked where it stands");
    await page.keyboard.press("Escape");
    await until(() => number.inputValue(), String(fact.page));
    assert.deepEqual(await barriers(page), []);
    await page.keyboard.press("Escape");
    await panel.waitFor({ state: "detached" });
    assert.deepEqual(complaints(page), []);
  },

  "text is shown with the passage marked; a conversation uses a library; what was deleted says so": async () => { // slow
    const page = await at("/libraries");
    await page.getByRole("link", { name: /^Minutes/ }).click();
    await page.getByLabel("Add files", { exact: true }).setInputFiles([file("annual.docx"), file("sales.xlsx"), file("contract.eml")]);
    await page.getByText("3 files added").waitFor();
    await page.getByRole("link", { name: "Ask this library" }).click();
    await page.getByRole("button", { name: "1 library in use" }).waitFor();
    await ask(page, "Wie viele Gigawattstunden Strom lieferten die Stadtwerke?", "large");
    const quote = answer(page).locator(".checked.quote.proven").first();
    await quote.focus();
    await page.keyboard.press("Enter");
    const mark = evidence(page).locator("mark.proven");
    await mark.first().waitFor();
    await until(async () => (await mark.allInnerTexts()).join(""), "Die Stadtwerke haben im vergangenen Jahr 412 Gigawattstunden Strom geliefert");
    assert.deepEqual(await barriers(page), []);
    await page.keyboard.press("n");
    await evidence(page).getByText("Passage 2 of 2").waitFor();
    await page.keyboard.press("Escape");

    const other = await at("/libraries");
    await other.getByRole("link", { name: /^Minutes/ }).click();
    await other.getByRole("button", { name: "More for “Minutes”" }).click();
    await other.getByRole("menuitem", { name: "Delete the library" }).click();
    await other.getByRole("button", { name: "Delete", exact: true }).click();
    await other.getByText("No libraries yet").waitFor();
    await page.reload();
    await answer(page).locator(".checked.quote.proven").first().click();
    await evidence(page).getByText("This document is gone").waitFor();
    assert.deepEqual(complaints(page), []);
  },

  "what is pasted is attached, and is still there when one comes back": async () => { // slow
    const page = await at("/");
    await page.getByRole("button", { name: /^Model: \w/ }).waitFor();
    const long = "The council met and spoke of the wind. ".repeat(400);
    await question(page).focus();
    await page.evaluate((text) => {
      const data = new DataTransfer();
      data.setData("text/plain", text);
      document.activeElement.dispatchEvent(new ClipboardEvent("paste", { bubbles: true, cancelable: true, clipboardData: data }));
    }, long);
    await attached(page).getByText("Pasted text.txt").waitFor();
    await written(page, "");
    await page.getByRole("button", { name: "Put it into the question" }).click();
    await attached(page).waitFor({ state: "detached" });
    await until(async () => (await question(page).inputValue()).trimEnd(), long.trimEnd());
    await question(page).fill("");
    await page.locator("input[type=file][multiple]").setInputFiles([file("contract.eml"), file("contract.eml")]);
    await attached(page).getByText("1 part").waitFor();
    await until(() => attached(page).getByRole("listitem").count(), 1);
    await page.reload();
    await attached(page).getByText("contract.eml").waitFor();
    await page.getByRole("button", { name: "Remove contract.eml" }).click();
    await attached(page).waitFor({ state: "detached" });
    await page.reload();
    await page.getByRole("button", { name: /^Model: \w/ }).waitFor();
    await page.waitForTimeout(500); // what is not to come would have come
    assert.equal(await attached(page).count(), 0);
    // What holds neither a question nor a file is not kept.
    const list = page.getByRole("navigation", { name: "Conversations" });
    await page.getByRole("link", { name: "New conversation" }).click();
    const before = await list.getByRole("link", { name: "contract.eml" }).count();
    await page.locator("input[type=file][multiple]").setInputFiles(file("contract.eml"));
    await attached(page).getByText("1 part").waitFor();
    await page.getByRole("button", { name: "Remove contract.eml" }).click();
    await attached(page).waitFor({ state: "detached" });
    await page.getByRole("link", { name: "New conversation" }).click();
    await page.waitForFunction((count) => [...document.querySelectorAll("nav .row .title")].filter((one) => one.textContent === "contract.eml").length === count, before);
    assert.deepEqual(complaints(page), []);
  },

  "on a phone the page slides over, and every language has the words": async () => { // slow
    for (const [locale, words] of [["fr-FR", "Joindre des documents"], ["de-DE", "Dokumente anhängen"], ["es-ES", "Adjuntar documentos"], ["it-IT", "Allegare documenti"]]) {
      const page = await at("/", { locale, viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, colorScheme: "dark" });
      await page.evaluate(async (language) => {
        await fetch("/api/v1/me", { method: "PATCH", headers: { "content-type": "application/json", "x-tramontane": "1" }, body: JSON.stringify({ language }) });
      }, locale.slice(0, 2));
      await page.reload();
      await page.getByRole("button", { name: words }).waitFor();
      await page.locator("input[type=file][multiple]").setInputFiles(file("report.pdf"));
      const chip = page.getByRole("button", { name: "report.pdf", exact: true });
      await chip.waitFor().catch(async () => assert.fail(await page.locator(".composer").innerText()));
      await chip.click();
      await page.locator(".sheet[data-drawn]").first().waitFor();
      await until(() => page.locator(".evidence").evaluate((panel) => panel.getBoundingClientRect().width), 390);
      await until(() => page.locator(".pages").evaluate((pages) => pages.scrollWidth <= pages.clientWidth), true); // the page fits the width
      assert.deepEqual(await barriers(page), []);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
      assert.deepEqual(complaints(page), []);
      await page.context().close();
    }
  },
};

await run(flows, { apart: true });
