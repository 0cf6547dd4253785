// Makes the pictures of docs/screenshots, by hand: a platform that runs, with people, usage and a
// provider in it (`tests/studio/screenshots.py` makes one), and Chromium.
// Usage: node screenshots.mjs, with {"browser", "url", "email", "password", "folder", "token",
// "publication"} as a line of JSON on stdin.

import { browser, given, opened } from "./driver.mjs";

const WIDE = { width: 1280, height: 860 };
const PHONE = { width: 390, height: 844 };
const LOOKS = [
  ["light", WIDE, "light"],
  ["dark", WIDE, "dark"],
  ["light", PHONE, "phone"],
  ["dark", PHONE, "phone-dark"],
];

const DARK_ON_A_PHONE = ["home", "conversation", "usage-phone"];

/** Where each picture is taken. */
const VIEWS = {
  home: "",
  models: "models",
  catalogue: "catalogue?openness=open&language=it&min_context=32000",
  card: "catalogue/card?id=mistral%2Fmistral-nemo",
  compare: "catalogue/compare?id=mistral%2Fmistral-nemo&id=microsoft%2Fphi-3.5-mini-instruct&id=deepseek%2Fdeepseek-v4-flash",
  usage: "usage",
  "usage-people": "usage?by=member",
  published: "published",
  offer: `published/${given.publication}`,
  statements: "statements",
  independence: "independence",
  engines: "engines",
  people: "people",
  assistants: "assistants",
  prompts: "prompts",
  settings: "settings",
};

const DIALOGS = {
  receipt: async (page) => {
    await at(page, conversation);
    await receipt(page).click();
  },
  provider: async (page) => {
    await at(page, "models");
    await page.getByRole("button", { name: "Add a model" }).click();
    await page.getByLabel("Who serves it").selectOption({ label: "Another address" });
    await page.getByLabel("Address").fill(given.standin);
    await page.getByRole("dialog").getByRole("button", { name: "Test", exact: true }).click();
    await page.getByText("It answers and offers").waitFor();
  },
  playground: async (page) => {
    await at(page, "playground?model=council&model=narrow&model=guide");
    await page.getByLabel("Prompt", { exact: true }).fill("How do I add a model?");
    await page.keyboard.press("Control+Enter");
    await page.getByText("Which answer is better?").waitFor();
    await page.getByText("Cost, exact").last().waitFor();
    await page.locator(".main").evaluate((node) => node.scrollTo(0, innerWidth < 600 ? 640 : 0));
  },
  code: async (page) => {
    await at(page, "playground?model=council");
    await page.getByLabel("Prompt", { exact: true }).fill("How do I add a model?");
    await page.getByRole("button", { name: "View code" }).click();
    await page.getByRole("tab", { name: "openai · Python" }).click();
  },
  deploy: async (page) => {
    await at(page, VIEWS.card);
    await page.getByRole("button", { name: "Deploy", exact: true }).click();
    await page.getByRole("button", { name: /^Fetch .* and deploy/ }).click();
    await page.getByText(/^about .* left$/).waitFor();
  },
  meanwhile: async (page) => {
    await at(page, "prompts");
    await page.getByRole("link", { name: "Invitation to a meeting" }).click();
    await page.getByLabel("Text").fill("Invite {{name}} to the long meeting on {{day}}. Say what it is about.");
    await page.evaluate(async () => {
      const own = { "x-tramontane": "1", "content-type": "application/json" };
      const { data } = await (await fetch("/api/v1/prompts")).json();
      const prompt = data.find(({ title }) => title === "Invitation to a meeting");
      const body = JSON.stringify({ version: prompt.version, body: prompt.body.replace("Invite", "Kindly invite") });
      await fetch(`/api/v1/prompts/${prompt.id}`, { method: "PATCH", headers: own, body });
    });
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Somebody changed this meanwhile").waitFor();
  },
};

/** What goes wrong, each in a page of its own. */
const STATES = {
  refused: async (page) => {
    await at(page, "");
    await choose(page, "council");
    await asked(page, "Who built the tunnel?");
    await page.getByRole("alert").first().waitFor();
  },
  offline: async (page) => {
    await at(page, conversation);
    await page.context().setOffline(true);
    await page.getByLabel("Your question", { exact: true }).fill("And in the year after?");
    await page.keyboard.press("Enter");
    await page.getByText("Your text is safe here.").waitFor();
  },
  queue: async (page) => {
    if (!isBusy) {
      isBusy = true;
      const first = await signedIn(given.email);
      await at(first, "");
      await choose(first, "narrow");
      await asked(first, "Tell the history of the town");
      await first.locator(".turn.assistant").last().getByText("mo il").first().waitFor();
    }
    await at(page, "");
    await choose(page, "narrow");
    await asked(page, "When is the town hall open?");
    const leave = page.getByRole("button", { name: "Leave the queue" });
    await leave.waitFor({ timeout: 30_000 });
    page.after = () => leave.click();
  },
  forbidden: async (page) => at(page, "people"),
  gone: async (page) => at(page, "c/conv_000000000000"),
};

/** Somebody's page in a browser of their own. */
async function signedIn(email, options = {}) {
  const page = await opened({ viewport: WIDE, ...options });
  await page.goto(`${given.url}/#/signin`);
  await page.getByLabel("E-mail").fill(email);
  await page.getByLabel("Password", { exact: true }).fill(given.password);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation").first().waitFor();
  const understood = page.getByRole("button", { name: "Understood" });
  await understood.or(page.getByText("Answers are written by a machine")).first().waitFor();
  if (await understood.count()) await understood.click();
  return page;
}

async function choose(page, model) {
  await page.getByRole("button", { name: /^Model: / }).click();
  await page.getByRole("menuitemradio", { name: new RegExp(`^${model}`) }).click();
}

async function asked(page, text) {
  await page.getByLabel("Your question", { exact: true }).fill(text);
  await page.keyboard.press("Enter");
  await page.locator(".turn.user").filter({ hasText: text }).last().waitFor();
}

async function at(page, path) {
  const address = `${given.url}/#/${path}`;
  await page.goto("about:blank"); // else what is seen next may still be the page before
  await page.goto(address);
  await page.locator("h1").first().waitFor();
  await page.waitForFunction(() => !document.querySelector(".skeleton"));
  await page.waitForTimeout(250);
}

const receipt = (page) => page.getByRole("button", { name: /^Receipt: / }).last();

async function taken(page, name) {
  if (name.endsWith("-phone-dark") && !DARK_ON_A_PHONE.some((view) => name.startsWith(view))) return;
  await page.screenshot({ path: `${given.folder}/${name}.png` });
}

let isBusy = false; // the model that answers one at a time
let conversation = ""; // where the last question was answered
const page = await opened({ viewport: WIDE });
await page.goto(`${given.url}/#/signin`);
await page.getByLabel("E-mail").waitFor();
const stranger = await opened({ viewport: WIDE });
for (const [colorScheme, viewport, look] of LOOKS) {
  await stranger.setViewportSize(viewport);
  await stranger.emulateMedia({ colorScheme });
  await at(stranger, "signin");
  await taken(stranger, `signin-${look}`);
  await at(stranger, `welcome/${given.token}`);
  await stranger.getByLabel("New password").fill("seven grey herons over Sion");
  await taken(stranger, `welcome-${look}`);
}
await page.getByLabel("E-mail").fill(given.email);
await page.getByLabel("Password", { exact: true }).fill(given.password);
await page.getByRole("button", { name: "Sign in" }).click();
await page.getByRole("button", { name: "Ada Keller", exact: true }).waitFor();
await page.getByRole("button", { name: "Understood" }).click();
for (const question of given.questions) {
  await at(page, "");
  await choose(page, "council");
  await page.getByLabel("Your question", { exact: true }).fill(question);
  await page.keyboard.press("Enter");
  await receipt(page).waitFor();
}
conversation = new URL(page.url()).hash.slice(2);
for (const [colorScheme, viewport, look] of LOOKS) {
  await page.setViewportSize(viewport);
  await page.emulateMedia({ colorScheme });
  for (const [name, path] of Object.entries({ ...VIEWS, conversation })) {
    await at(page, path);
    await taken(page, `${name}-${look}`);
  }
  for (const [name, open] of Object.entries(DIALOGS)) {
    await open(page);
    await page.waitForTimeout(250);
    await taken(page, `${name}-${look}`);
    await page.keyboard.press("Escape");
  }
}

// The two samples that ship: a report that is asked, with its page beside the answer, and a table.
const samples = {};
for (const [name, offer, words] of [["report", /ask this report/i, /gateway/], ["table", /question this table/i, /highest/]]) {
  await page.setViewportSize(WIDE);
  await at(page, "");
  await page.getByText(offer).first().click();
  const question = page.locator("main button").filter({ hasText: words }).first();
  await question.waitFor({ timeout: 60_000 });
  await choose(page, "guide");
  await question.click();
  await receipt(page).waitFor({ timeout: 60_000 });
  samples[name] = new URL(page.url()).hash.slice(2);
}
for (const [colorScheme, viewport, look] of LOOKS) {
  await page.setViewportSize(viewport);
  await page.emulateMedia({ colorScheme });
  await at(page, samples.table);
  await page.locator(".chart svg").first().waitFor();
  await page.locator(".chart").first().evaluate((node) => node.closest("figure, section, article, .card, div")?.scrollIntoView({ block: "center" }));
  await page.waitForTimeout(300);
  await taken(page, `table-${look}`);
  await at(page, samples.report);
  await page.locator(".checked.quote.proven").first().click();
  await page.locator(".sheet[data-drawn], .text-view").first().waitFor();
  await page.waitForTimeout(600);
  await taken(page, `report-${look}`);
}

for (const [name, bring] of Object.entries(STATES)) {
  for (const [colorScheme, viewport, look] of LOOKS) {
    if (look === "phone-dark") continue;
    const own = await signedIn(name === "forbidden" ? given.member : given.email, { colorScheme });
    await own.setViewportSize(viewport);
    await bring(own);
    await own.waitForTimeout(300);
    await taken(own, `${name}-${look}`);
    await own.after?.();
    await own.context().close();
  }
}
await browser.close();
process.exit(0);
