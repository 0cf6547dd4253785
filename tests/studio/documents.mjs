// Documents as a person uses them: brought into a conversation or a library, asked, looked up.
// Usage: node documents.mjs, with {"browser", "url", "link", "files", "facts", …} as a line of JSON.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { barriers, complaints, given, opened, run } from "./driver.mjs";

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
  await receipts(page).nth(before).waitFor({ timeout: 60_000 });
}

/** In the page: how much of the words of `sentence` on the drawn page lies in the marked rectangles. */
async function covered(page, sentence) {
  return page.evaluate((sentence) => {
    const boxes = [...document.querySelectorAll(".sheet .box")].map((box) => box.getBoundingClientRect());
    const sheet = document.querySelector(".sheet:has(.box)");
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
    return { share: all ? inside / all : 0, excess: all ? size / all : Infinity, words: words.trim(), boxes: boxes.length };
  }, sentence);
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
    assert.equal(await question(page).inputValue(), "not lost");
    await page.getByRole("button", { name: "Remove broken.pdf" }).click();
    await page.getByRole("button", { name: "Remove locked.pdf" }).click();
    // Sent while the report is still being read: the answer waits for it.
    await ask(page, fact.question, "large");
    assert.ok(await page.locator(".turn.user").getByText("report.pdf").isVisible());

    const proven = answer(page).getByRole("button", { name: fact.sentence });
    await proven.waitFor();
    await answer(page).getByText("not found in the documents", { exact: true }).first().waitFor();
    const false_ = answer(page).locator(".checked.quote.unproven");
    assert.ok((await false_.innerText()).includes(given.lie));
    assert.ok(await answer(page).getByText("1 quote found word for word").isVisible());
    assert.equal(await answer(page).locator(".sources > ul > li").count(), 1);
    await proven.click();
    await evidence(page).locator(".sheet[data-drawn] .box.proven").first().waitFor();
    assert.equal(await evidence(page).locator("input.at").inputValue(), String(fact.page));
    const seen = await covered(page, fact.sentence);
    assert.ok(seen.words.includes(fact.number) && seen.share > 0.85 && seen.excess < 1.8, JSON.stringify(seen));
    assert.deepEqual(await barriers(page), []);
    await page.keyboard.press("Escape");
    await evidence(page).waitFor({ state: "detached" });
    assert.ok(await proven.evaluate((node) => node === document.activeElement), "the focus comes back");
    assert.ok(page.asked.every((url) => url.startsWith(`${given.url}/`)), page.asked.filter((url) => !url.startsWith(given.url)).join("\n"));
    assert.deepEqual(complaints(page), []);
  },
};

await run(flows);
