// Makes the pictures of docs/screenshots, by hand: a platform that runs, with people, usage and a
// provider in it (`tests/studio/screenshots.py` makes one), and Chromium.
// Usage: node screenshots.mjs, with {"browser", "url", "email", "password", "folder", "token"} as a
// line of JSON on stdin.

import { browser, given, opened } from "./driver.mjs";

const WIDE = { width: 1280, height: 860 };
const PHONE = { width: 390, height: 844 };
const LOOKS = [
  ["light", WIDE, "light"],
  ["dark", WIDE, "dark"],
  ["light", PHONE, "phone"],
  ["dark", PHONE, "phone-dark"],
];

const DARK_ON_A_PHONE = ["home", "conversation", "usage"];

/** Where each picture is taken. */
const VIEWS = {
  home: "",
  models: "models",
  usage: "usage",
  independence: "independence",
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
    await page.getByRole("button", { name: "Test", exact: true }).click();
    await page.getByText("It answers and offers").waitFor();
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
  await page.getByRole("button", { name: /^Model: council/ }).waitFor();
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
await browser.close();
process.exit(0);
