// Try it: one question, the answer as it is written, its receipt.

import { curlOf } from "./call.js";
import { ApiError, Gone } from "./client.js";
import { $, copy, el, fill, setMark } from "./elements.js";
import { settle } from "./receipt.js";
import { deploymentsOf, page, tell, when } from "./state.js";
import { completion } from "./stream.js";
import { decimal, inTime, money, nano, sentence, t, tOr } from "./words.js";

const MAX_TOKENS = 256;
const TEMPLATE_TOKENS = 512;

let asking = null; // the AbortController of the answer that is being written
let latest = null; // the run that the page shows

function question() {
  return {
    model: $("model").value,
    messages: [{ role: "user", content: $("prompt").value.trim() }],
    max_tokens: MAX_TOKENS,
  };
}

function showChoices() {
  const names = [...new Set(page.status.deployments.flatMap((each) => each.models))];
  const chosen = [$("model").value, page.model].find((name) => names.includes(name));
  fill("model", ...names.map((name) => el("option", { value: name }, name)));
  if (chosen) $("model").value = chosen;
  $("ask").disabled = names.length === 0;
  showHelp();
}

function showHelp() {
  let text = t("prompt_help", { tokens: MAX_TOKENS });
  const costs = deploymentsOf($("model").value).map(mostNano);
  const most = costs.reduce((a, b) => (b > a ? b : a), 0n);
  if (most) text += ` ${t("prompt_cost", { cost: money(decimal(most))[0], currency: page.status.currency })}`;
  $("prompt-help").textContent = text;
}

/** An upper bound, zero for a free model: no token is shorter than a byte. */
function mostNano({ price }) {
  const bytes = new TextEncoder().encode($("prompt").value).length + TEMPLATE_TOKENS;
  const input = nano(price.input_per_mtok) * BigInt(bytes);
  const output = nano(price.output_per_mtok) * BigInt(MAX_TOKENS);
  return nano(price.request) + (input + output + 999_999n) / 1_000_000n;
}

// -- Asking -------------------------------------------------------------------------------------

async function answer(body) {
  const run = { body, sentMs: performance.now(), firstMs: null, endMs: null, head: null, usage: null, finish: null };
  run.isOver = (key) => latest !== run || page.key !== key;
  latest = run;
  asking = new AbortController();
  begin(body);
  try {
    for await (const event of completion(page.key, body, asking.signal)) take(run, event);
    end(run, "", run.finish === "length" ? t("length", { tokens: MAX_TOKENS }) : t("finished"));
    if (run.firstMs === null) $("text").textContent = t("empty_answer");
  } catch (error) {
    fail(run, error);
  } finally {
    asking = null;
    $("ask").disabled = false;
    $("stop").hidden = true;
  }
}

function begin({ model }) {
  for (const id of ["ask-error", "receipt", "demonstration"]) $(id).hidden = true;
  fill("text");
  $("text").hidden = false;
  $("by").textContent = t("by_waiting", { model });
  setMark($("progress"), "waiting", t("sent"));
  $("ask").disabled = true;
  for (const id of ["answer", "stop"]) $(id).hidden = false;
}

function take(run, event) {
  if (event.head) run.head = event.head;
  if (event.queued) showQueued(event.queued);
  if (event.usage) run.usage = event.usage;
  if (event.finish) run.finish = event.finish;
  if (event.text) write(run, event.text);
}

function showQueued({ position, etaS }) {
  const name = etaS === null ? "queued_unknown" : "queued";
  setMark($("progress"), "waiting", t(name, { position, eta: etaS }));
}

function write(run, text) {
  if (run.firstMs === null) beginText(run);
  const box = $("text");
  const isAtEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 8;
  box.append(text);
  if (isAtEnd) box.scrollTop = box.scrollHeight; // scrolling belongs to the reader
}

function beginText(run) {
  run.firstMs = performance.now();
  const { model } = run.body;
  $("by").textContent = t("by_writing", { model });
  setMark($("progress"), "waiting", t("writing"));
  $("demonstration").hidden = run.head.get("x-tramontane-demonstration") !== "true";
}

function end(run, meaning, text) {
  run.endMs = performance.now();
  setMark($("progress"), meaning, text);
  if (run.firstMs !== null) $("by").textContent = t("by", { model: run.body.model });
  if (run.head && page.key) settle(run);
}

function fail(run, error) {
  if (error.name === "AbortError") return end(run, "", t("stopped"));
  if (!(error instanceof ApiError || error instanceof Gone)) throw error;
  end(run, "refused", t(run.head ? "broken" : error instanceof Gone ? "unreached" : "refused"));
  const lines = error instanceof Gone ? goneLines(run) : refusalLines(error);
  const facts = error.status ? [`${error.status} ${error.code}`] : [];
  if (error.requestId) facts.push(t("request_id", { id: error.requestId }));
  const small = facts.length ? el("p", { class: "small" }, el("code", {}, facts.join(" · "))) : null;
  fill("ask-error", el("p", {}, lines.join(" ")), small);
  $("text").hidden = run.firstMs === null;
  $("ask-error").hidden = false;
  if (error instanceof Gone) tell("gone");
  if (error.code === "invalid_api_key") tell("key-refused", error);
}

function goneLines(run) {
  return [run.head ? t("broken_help") : t("unreached_help", { origin: location.origin })];
}

function refusalLines(error) {
  const lines = [`${sentence(error.message)}.`, tOr(`advice.${error.code}`, "")];
  if (error.retryAfterS) lines.push(t("retry", { when: inTime(error.retryAfterS) }));
  return lines.filter(Boolean);
}

function stop() {
  asking?.abort();
}

function clear() {
  stop();
  latest = null;
  $("answer").hidden = true;
  for (const id of ["text", "receipt", "ask-error"]) fill(id);
}

// -- The composer -------------------------------------------------------------------------------

$("demonstration").textContent = t("is_demonstration");
$("prompt").addEventListener("input", showHelp);
$("model").addEventListener("change", showHelp);
$("prompt").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("try-form").requestSubmit();
});
$("try-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const body = question();
  if (!body.messages[0].content) return $("prompt").focus();
  if (!asking && body.model) answer(body);
});
$("stop").addEventListener("click", stop);
$("as-curl").addEventListener("click", () => copy(curlOf(question()), $("as-curl")));
document.addEventListener("keydown", (event) => event.key === "Escape" && stop());
when("status-read", showChoices);
when("key-forgotten", clear);
