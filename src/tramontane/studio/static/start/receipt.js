// The receipt of an answer: what it was, where it came from, what it cost.

import { read } from "./client.js";
import { $, el, factList, mark, quietButton } from "./elements.js";
import { mayRead, page, tell } from "./state.js";
import { money, number, t } from "./words.js";

// A bill is exact at once, but travels through the metering journal before it can be read.
const WAITS_MS = [150, 350, 500, 1000, 1000, 2000, 2000, 3000];

/** Show what is known of a finished run, then ask for its bill until it is there. */
export async function settle(run) {
  const { key } = page;
  const id = run.head.get("x-request-id");
  if (!id) return showReceipt(run, "–");
  if (!mayRead()) return showReceipt(run, t("receipt_unreadable"));
  showReceipt(run, mark("waiting", t("receipt_settling")));
  for (const waitMs of WAITS_MS) {
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    if (run.isOver(key)) return;
    const bill = await read(key, `/usage/${encodeURIComponent(id)}`).catch(() => null);
    if (run.isOver(key)) return;
    if (!bill) continue;
    showReceipt(run, costOf(bill), bill);
    return tell("billed");
  }
  showReceipt(run, el("span", {}, t("receipt_late"), " ", quietButton(t("again"), () => settle(run))));
}

function costOf(bill) {
  const certain = bill.estimated
    ? mark("estimated", t("receipt_estimated"))
    : mark("proven", t("receipt_exact"));
  return el("span", {}, `${money(bill.cost)[0]} ${bill.currency} `, certain);
}

function showReceipt(run, cost, bill = null) {
  const facts = [[t("receipt_model"), run.body.model]];
  const name = bill?.attempts.at(-1).deployment ?? run.head.get("x-tramontane-deployment");
  if (name) facts.push([t("receipt_where"), whereOf(name)]);
  const tokens = tokensOf(bill ?? run.usage);
  if (tokens) facts.push([t("receipt_tokens"), tokens]);
  facts.push([t("receipt_cost"), cost]);
  if (run.firstMs !== null) facts.push([t("receipt_first"), t("receipt_first_value", { seconds: seconds(run, run.firstMs) })]);
  facts.push([t("receipt_whole"), t("receipt_whole_value", { seconds: seconds(run, run.endMs) })]);
  const id = run.head.get("x-request-id");
  if (id) facts.push([t("receipt_request"), el("code", {}, id)]);
  $("receipt").replaceChildren(...factList("", facts).children);
  $("receipt").hidden = false;
}

function whereOf(name) {
  const served = page.status.deployments.find((each) => each.name === name);
  if (!served) return name;
  return `${name}, ${t(served.engine === "remote" ? "receipt_remote" : "receipt_local")}`;
}

function tokensOf(counts) {
  if (!counts) return null;
  const cached = counts.cached_tokens ?? counts.prompt_tokens_details?.cached_tokens ?? 0;
  const values = { input: counts.prompt_tokens, output: counts.completion_tokens, cached };
  return t(cached ? "receipt_tokens_cached" : "receipt_tokens_value", values);
}

function seconds(run, ms) {
  return number((ms - run.sentMs) / 1000, { minimumSignificantDigits: 2, maximumSignificantDigits: 2 });
}
