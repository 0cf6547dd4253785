// What a key may know: its models and their prices, its budgets, its usage.

import { chart } from "./chart.js";
import { read } from "./client.js";
import { $, SKELETON_MS, el, fill, mark, quietButton, stateMark, table } from "./elements.js";
import { reason } from "./key.js";
import { may, mayRead, page, tell, when } from "./state.js";
import { date, decimal, money, nano, number, t } from "./words.js";

const DAYS = 30;
const DAY_MS = 86_400_000;

// -- Models -------------------------------------------------------------------------------------

function showModelTable() {
  const { deployments, currency } = page.status;
  if (!deployments.length) return fill("models", el("p", {}, t("models_none")));
  const inputs = money(...deployments.map(({ price }) => price.input_per_mtok));
  const outputs = money(...deployments.map(({ price }) => price.output_per_mtok));
  const columns = [t("model"), t("state"), t("where"), [t("context")], [t("input")], [t("output")]];
  const rows = deployments.map((each, i) => [
    modelName(each),
    modelState(each),
    t(each.engine === "remote" ? "where_remote" : "where_local"),
    each.context_tokens === null ? "–" : number(each.context_tokens),
    inputs[i],
    outputs[i],
  ]);
  fill("models", table({ caption: t("models_caption", { currency }), columns, rows }));
}

function modelName({ name, models, demonstration }) {
  const cell = el("span", {}, name);
  if (demonstration) cell.append(" ", el("span", { class: "tag" }, t("demonstration")));
  const names = models.filter((each) => each !== name).join(", ");
  if (names) cell.append(" ", el("span", { class: "small" }, t("also", { names })));
  return cell;
}

function modelState({ state, message }) {
  return el("span", {}, stateMark(state), message ? el("span", { class: "small" }, message) : null);
}

// -- Sections that are read from the API --------------------------------------------------------

function showAccount() {
  section("budgets", "/budgets", showBudgets);
  const since = new Date(Date.now() - (DAYS - 1) * DAY_MS).toISOString().slice(0, 10);
  section("usage", `/usage?by=day&by=model&since=${since}`, showUsage);
}

/** Fill a section; what was shown before stays until there is something newer. */
async function section(id, path, show) {
  if (!mayRead()) return fill(id, el("p", {}, t("forbidden", { right: "read" })));
  const { key } = page;
  const waiting = setTimeout(() => {
    if (!$(id).childElementCount) fill(id, mark("waiting", t("loading")));
  }, SKELETON_MS);
  try {
    const found = await read(key, path);
    if (page.key === key) show(found);
  } catch (error) {
    if (page.key !== key) return;
    if (error.status === 401) return tell("key-refused", error);
    const again = quietButton(t("again"), () => section(id, path, show));
    fill(id, el("p", { class: "wrong" }, reason(error)), el("p", { class: "actions" }, again));
  } finally {
    clearTimeout(waiting);
  }
}

// -- Budgets ------------------------------------------------------------------------------------

function showBudgets({ data }) {
  if (data.length) return fill("budgets", el("ul", { class: "budgets" }, ...data.map(budgetItem)));
  const { project } = page.status.key;
  const command = el("code", {}, t("budgets_command", { project }));
  fill("budgets", el("p", {}, t("budgets_none"), " ", command));
}

function budgetItem(budget) {
  const { currency, project, key, window } = budget;
  const [[left], [limit]] = [money(budget.left), money(budget.limit)];
  const limitNano = nano(budget.limit);
  // Whole numbers until the last step: a percentage in tenths.
  const tenths = limitNano ? (nano(budget.spent) * 1000n) / limitNano : 1000n;
  const isSpent = nano(budget.left) === 0n;
  const bar = el("span", { class: isSpent && "spent" });
  bar.style.inlineSize = `${Math.min(1000, Number(tenths)) / 10}%`;
  const owner = key ? `${project}, ${t("budget_key", { key })}` : project;
  const line = el("p", {}, t("budget_left", { left, limit, currency }));
  if (isSpent) line.append(" ", mark("refused", t("budget_spent")));
  return el(
    "li",
    {},
    el("h3", {}, `${owner}, ${t(`budget_${window}`)}`),
    el("div", { class: "meter", "aria-hidden": "true" }, bar),
    line,
    el("p", { class: "small" }, resetLine(budget.resets_at)),
  );
}

function resetLine(resetsAt) {
  if (!resetsAt) return t("budget_never");
  const form = { day: "numeric", month: "long", hour: "2-digit", minute: "2-digit", timeZoneName: "short" };
  return t("budget_resets", { time: date(new Date(resetsAt), form) });
}

// -- Usage --------------------------------------------------------------------------------------

function showUsage({ data, total, currency }) {
  const { project } = page.status.key;
  const whose = el("p", { class: "small" }, may("operate") ? t("usage_all") : t("usage_own", { project }));
  if (!total.requests) return fill("usage", whose, el("p", {}, t("usage_none", { days: DAYS })));
  const perDay = days(data);
  fill("usage", whose, chart(perDay), asTable(perDay), modelTable(data, total, currency), estimates(total));
}

function modelTable(data, total, currency) {
  const byModel = sums(data, (line) => line.model);
  const costs = money(...[...byModel.values(), total].map((line) => line.cost));
  const cells = (name, line, cost) => [
    name,
    number(line.requests),
    number(line.prompt_tokens),
    number(line.completion_tokens),
    cost,
  ];
  const columns = [t("model"), [t("requests")], [t("tokens_in")], [t("tokens_out")], [t("cost_in", { currency })]];
  const rows = [...byModel].map(([name, line], i) => cells(name, line, costs[i]));
  return table({ columns, rows, total: rows.length > 1 ? cells(t("total"), total, costs.at(-1)) : null });
}

function estimates({ estimated_requests: n }) {
  if (!n) return null;
  return el("p", {}, mark("estimated", t("receipt_estimated")), " ", t("usage_estimated", { n }));
}

/** Add report lines up by a key; costs in whole nano-units, never as floats. */
function sums(lines, keyOf) {
  const found = new Map();
  for (const line of lines) {
    const key = keyOf(line);
    const sum = found.get(key) ?? { requests: 0, prompt_tokens: 0, completion_tokens: 0, cost: "0" };
    for (const name of ["requests", "prompt_tokens", "completion_tokens"]) sum[name] += line[name];
    sum.cost = decimal(nano(sum.cost) + nano(line.cost));
    found.set(key, sum);
  }
  return found;
}

/** Return [Date, tokens] of each of the last days, days without use too. */
function days(lines) {
  const byDay = sums(lines, (line) => line.day);
  const today = Math.floor(Date.now() / DAY_MS);
  return Array.from({ length: DAYS }, (_, i) => {
    const day = new Date((today - DAYS + 1 + i) * DAY_MS);
    const sum = byDay.get(day.toISOString().slice(0, 10));
    return [day, sum ? sum.prompt_tokens + sum.completion_tokens : 0];
  });
}

function asTable(perDay) {
  const used = perDay.filter(([, tokens]) => tokens).reverse();
  const rows = used.map(([day, tokens]) => [date(day, { dateStyle: "medium" }), number(tokens)]);
  const columns = [t("day"), [t("tokens")]];
  return el("details", {}, el("summary", {}, t("usage_table")), table({ columns, rows }));
}

when("status-read", showModelTable);
when("key-accepted", showAccount);
when("billed", showAccount);
when("key-forgotten", () => ["models", "budgets", "usage"].forEach((id) => fill(id)));
