// The start page as a person uses it, in a real Chromium. Each flow is told to the caller as a line
// {"flow", "error"}; a line {"please": "stop" | "start"} asks the caller to stop or start the
// server, and waits for a line in answer.
// Usage: node start_page.mjs, with {"browser", "url", "keys"} as a line of JSON on stdin.

import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const given = JSON.parse((await input.next()).value);
const tell = (line) => console.log(JSON.stringify(line));
const please = async (what) => {
  tell({ please: what });
  await input.next();
};

const browser = await chromium.launch({
  executablePath: given.browser,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});

/** Open the page afresh; `page.said` are its complaints, `page.asked` the addresses it asked. */
async function opened(options = {}) {
  const context = await browser.newContext({ locale: "en-GB", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(5000);
  page.said = [];
  page.asked = [];
  page.on("console", (message) => message.type() === "error" && page.said.push(message.text()));
  page.on("pageerror", (error) => page.said.push(error.message));
  page.on("request", (request) => page.asked.push(request.url()));
  await page.goto(given.url);
  await page.getByText("Ready, 2 models").waitFor();
  return page;
}

async function signedIn(key = given.keys.read, options = {}) {
  const page = await opened(options);
  await page.getByLabel("Paste a key").fill(`export TRAMONTANE_KEY='${key}'`);
  await page.keyboard.press("Enter");
  await page.getByText("Forget this key").waitFor();
  return page;
}

async function ask(page, model, question) {
  await page.getByLabel("Model", { exact: true }).selectOption(model);
  await page.getByLabel("Your question").fill(question);
  await page.keyboard.press("Enter");
}

const flows = {
  "what runs and how to call it": async () => {
    const page = await opened();
    await page.waitForLoadState("networkidle");
    assert.ok(page.asked.length <= 6, page.asked.join(" "));
    assert.ok(page.asked.every((url) => url.startsWith(`${given.url}/`)));
    assert.equal(await page.locator("#address").innerText(), `${given.url}/v1`);
    assert.match(await page.locator("#runs").innerText(), /demo\s+Ready\s+large\s+Ready\s+small\s+Starting/);
    assert.match(await page.locator("#code").innerText(), /^curl .*\$TRAMONTANE_KEY.*"model": "demo"/s);
    await page.getByRole("tab", { name: "curl" }).focus();
    await page.keyboard.press("ArrowRight");
    assert.match(await page.locator("#code").innerText(), /base_url=.*os\.environ/s);
    await page.keyboard.press("ArrowRight");
    assert.match(await page.locator("#code").innerText(), /process\.env\.TRAMONTANE_KEY/);
    assert.equal(await page.getByRole("tab", { selected: true }).innerText(), "Node");
    assert.deepEqual(page.said, []);
  },

  "a key that is not known": async () => {
    const page = await opened();
    for (const [pasted, words] of [["", "Paste a key first"], ["né", "not a key"], ["tmt_x_y", "not known"]]) {
      await page.getByLabel("Paste a key").fill(pasted);
      await page.getByRole("button", { name: "Use this key" }).click();
      await page.getByText(words).waitFor();
    }
    assert.equal(await page.getByLabel("Paste a key").getAttribute("aria-invalid"), "true");
    assert.equal(await page.evaluate(() => document.activeElement.id), "key");
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    assert.equal(await page.getByRole("heading", { name: "Budgets" }).isVisible(), false);
  },

  "models, budgets and usage": async () => {
    const page = await signedIn();
    await page.getByText("1,200 tokens in the last 30 days").waitFor();
    const models = await page.locator("#models").innerText();
    assert.match(models, /demo\s+demonstration/);
    assert.match(models, /large.*Not checked\s+Elsewhere\s+128,000\s+0\.15\s+0\.60/s);
    assert.match(await page.locator("#budgets").innerText(), /9\.9985 of 10\.00 USD left/);
    assert.match(await page.locator("#usage").innerText(), /large\s+10\s+1,000\s+200\s+0\.015/);
    assert.equal(await page.locator(".chart rect").count(), 30);
    assert.equal(await page.getByLabel("Paste a key").inputValue(), "");
    await page.reload();
    await page.getByText("Forget this key").waitFor();
    assert.deepEqual(page.said, []);
  },

  "an answer and its receipt": async () => {
    const page = await signedIn();
    await ask(page, "large", "What is the tramontane?");
    await page.getByText("Exact").waitFor();
    assert.match(await page.locator("#text").innerText(), /^A cold, dry wind .* to the sea\.$/);
    assert.equal(await page.locator("#by").innerText(), "large wrote");
    assert.equal(await page.locator("#demonstration").isVisible(), false);
    const receipt = await page.locator("#receipt").innerText();
    for (const part of ["large, served elsewhere", "14 in, 19 out", "0.0000135 USD", "req-000", "measured in this browser"]) {
      assert.ok(receipt.includes(part), `${part} in ${receipt}`);
    }
    await page.getByText("1,233 tokens in the last 30 days").waitFor();
    await ask(page, "demo", "And now?");
    await page.getByText("It is a small demonstration and is often wrong.").waitFor();
    await page.getByText("0.00 USD").waitFor();
    assert.deepEqual(page.said, []);
  },

  "a refusal": async () => {
    const page = await signedIn();
    await ask(page, "large", "What of the budget?");
    await page.getByText("is used up; it starts anew").waitFor();
    const shown = await page.locator("#ask-error").innerText();
    for (const part of ["larger budget", "again in 60 minutes", "429 insufficient_quota", "req-refused"]) {
      assert.ok(shown.includes(part), `${part} in ${shown}`);
    }
    assert.equal(await page.getByLabel("Your question").inputValue(), "What of the budget?");
    assert.equal(await page.locator("#receipt").isVisible(), false);
  },

  "an answer that breaks off": async () => {
    const page = await signedIn();
    await ask(page, "large", "Please break");
    await page.getByText("The answer broke off before its end.").waitFor();
    assert.match(await page.locator("#text").innerText(), /^A cold/);
    assert.equal(await page.getByRole("button", { name: "Ask", exact: true }).isEnabled(), true);
  },

  "an answer that is stopped": async () => {
    const page = await signedIn();
    await ask(page, "large", "A long one");
    await page.getByText("large is writing").waitFor();
    await page.keyboard.press("Escape");
    await page.getByText("You stopped it").waitFor();
    assert.equal(await page.getByRole("button", { name: "Stop" }).isVisible(), false);
  },

  "a place in the queue": async () => {
    const page = await signedIn();
    await ask(page, "large", "queue");
    await page.getByText("You are number 12 in the queue, about 8 s. Your text is safe.").waitFor();
    await page.getByText("Finished").waitFor();
  },

  "markup in an answer stays text": async () => {
    const page = await signedIn();
    await ask(page, "large", "markup");
    await page.getByText("Finished").waitFor();
    assert.match(await page.locator("#text").innerText(), /<img src=.*<script>.*\*\*bold\*\*/);
    assert.equal(await page.locator("#text *").count(), 0);
    assert.equal(await page.title(), "Tramontane");
    assert.ok(page.asked.every((url) => url.startsWith(`${given.url}/`)));
    assert.deepEqual(page.said, []);
  },

  "a key for models only": async () => {
    const page = await signedIn(given.keys.infer);
    await page.getByText("does not have the right “read”").first().waitFor();
    await ask(page, "large", "Anything");
    await page.getByText("Only keys with the right “read” can see it").waitFor();
    assert.deepEqual(page.said, []);
  },

  "a key forgotten leaves nothing": async () => {
    const page = await signedIn();
    await ask(page, "large", "What is the tramontane?");
    await page.getByText("Exact").waitFor();
    await page.getByRole("button", { name: "Forget this key" }).click();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    const html = await page.content();
    for (const trace of [given.keys.read.slice(0, 12), "ours", "req-000", "A cold, dry wind"]) {
      assert.ok(!html.includes(trace), trace);
    }
    assert.equal(await page.evaluate(() => document.activeElement.id), "key");
  },

  "narrow and dark": async () => {
    for (const colorScheme of ["light", "dark"]) {
      for (const width of [320, 390, 1280]) {
        const page = await signedIn(given.keys.read, { colorScheme, viewport: { width, height: 800 } });
        await page.getByText("tokens in the last 30 days").waitFor();
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(over <= 0, `${over} pixels too wide at ${width}`);
        const weak = await page.evaluate(weakContrasts);
        assert.deepEqual(weak, [], `${colorScheme} ${width}`);
        await page.context().close();
      }
    }
  },

  "by keyboard alone": async () => {
    const page = await opened();
    const reached = [];
    for (let i = 0; i < 12; i++) {
      await page.keyboard.press("Tab");
      reached.push(await page.evaluate(focused));
    }
    for (const id of ["address", "tab-curl", "key", "key-use"]) {
      assert.ok(reached.some((each) => each.id === id), `${id} in ${JSON.stringify(reached)}`);
    }
    assert.ok(reached.every((each) => each.outline >= 2), JSON.stringify(reached));
  },

  "the server goes and comes back": async () => {
    const page = await signedIn();
    await page.getByLabel("Your question").fill("Still here?");
    await please("stop");
    await page.getByRole("button", { name: "Ask", exact: true }).click();
    await page.getByText("Your question is still there.").waitFor();
    await page.getByText("has not answered since").waitFor();
    assert.equal(await page.getByLabel("Your question").inputValue(), "Still here?");
    await please("start");
    await page.getByRole("button", { name: "Try now" }).click();
    await page.getByText("has not answered since").waitFor({ state: "hidden" });
    await page.getByText("Ready, 2 models").waitFor();
  },
};

function focused() {
  const style = getComputedStyle(document.activeElement);
  return { id: document.activeElement.id, outline: parseFloat(style.outlineWidth) };
}

/** Return texts with less contrast than WCAG 2 asks: 7 for text, 4.5 for links and buttons. */
function weakContrasts() {
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = (colour) => {
    const [r, g, b] = channels(colour).map((value) => {
      const part = value / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (node) => {
    for (let each = node; each; each = each.parentElement) {
      const colour = getComputedStyle(each).backgroundColor;
      if (channels(colour)[3] !== 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const weak = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !node.checkVisibility()) continue;
    if (node.closest("script, svg, option, [disabled]")) continue;
    const pair = [getComputedStyle(node).color, behind(node)].map(luminance).sort();
    const ratio = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (ratio < (node.closest("a, button, summary") ? 4.5 : 7)) {
      weak.push(`${node.textContent.slice(0, 40)}: ${ratio.toFixed(2)}`);
    }
  }
  return weak;
}

for (const [flow, run] of Object.entries(flows)) {
  const error = await run().then(() => null, (failure) => String(failure.stack ?? failure));
  for (const context of browser.contexts()) await context.close();
  tell({ flow, error });
}
await browser.close();
process.exit(0);
