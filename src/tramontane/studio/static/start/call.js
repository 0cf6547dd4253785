// How to call the platform: the same request in three clients.

import { $, copy } from "./elements.js";
import { page, when } from "./state.js";
import { t } from "./words.js";

const tabs = [...document.querySelectorAll("[role=tab]")];
let shown = "curl";

const samples = {
  curl: (model) => curlOf({ model, messages: [{ role: "user", content: t("hello") }] }),
  python: (model) =>
    joined(
      "import os",
      "from openai import OpenAI",
      "",
      "client = OpenAI(",
      `    base_url="${location.origin}/v1",`,
      '    api_key=os.environ["TRAMONTANE_KEY"],',
      ")",
      "answer = client.chat.completions.create(",
      `    model=${JSON.stringify(model)},`,
      `    messages=[{"role": "user", "content": ${JSON.stringify(t("hello"))}}],`,
      ")",
      "print(answer.choices[0].message.content)",
    ),
  node: (model) =>
    joined(
      'import OpenAI from "openai";',
      "",
      "const client = new OpenAI({",
      `  baseURL: "${location.origin}/v1",`,
      "  apiKey: process.env.TRAMONTANE_KEY,",
      "});",
      "const answer = await client.chat.completions.create({",
      `  model: ${JSON.stringify(model)},`,
      `  messages: [{ role: "user", content: ${JSON.stringify(t("hello"))} }],`,
      "});",
      "console.log(answer.choices[0].message.content);",
    ),
};

/** Return the command that makes a chat request with that body. */
export function curlOf(body) {
  const fields = Object.entries(body).map(([name, value]) => `    "${name}": ${spaced(value)}`);
  const json = joined("{", fields.join(",\n"), "  }").replaceAll("'", "'\\''");
  return joined(
    `curl ${location.origin}/v1/chat/completions \\`,
    `  -H "Authorization: Bearer $TRAMONTANE_KEY" \\`,
    `  -H "Content-Type: application/json" \\`,
    `  -d '${json}'`,
  );
}

/** Return JSON on one line, with the spaces that people write. */
function spaced(value) {
  return JSON.stringify(value, null, 1).replace(/\n\s*/g, " ").replace(/([[{]) | ([\]}])/g, "$1$2");
}

function joined(...each) {
  return each.join("\n");
}

function showSample() {
  const text = samples[shown](page.model ?? "MODEL");
  if ($("code").textContent !== text) $("code").textContent = text;
  $("sample-note").textContent = shown === "curl" ? "" : t(`${shown}_note`);
}

function choose(tab) {
  for (const each of tabs) {
    each.setAttribute("aria-selected", String(each === tab));
    each.tabIndex = each === tab ? 0 : -1;
  }
  $("sample").setAttribute("aria-labelledby", tab.id);
  shown = tab.id.replace("tab-", "");
  showSample();
}

for (const [i, tab] of tabs.entries()) {
  tab.addEventListener("click", () => choose(tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(i + step + tabs.length) % tabs.length];
    choose(next);
    next.focus();
  });
}

for (const button of document.querySelectorAll("[data-copies]")) {
  const source = $(button.dataset.copies);
  button.addEventListener("click", () => copy(source.textContent, button, source));
}

$("address").textContent = `${location.origin}/v1`;
when("models-known", showSample);
showSample();
