/** A usage report as it is shown, without a page: groups by day, shares, where it leads. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { exactMoney } from "../src/lib/format.svelte";
import { niceTop } from "../src/lib/pages/usage/spend";
import { amount, chosen, daysOf, SPANS, stacked, trendOf, usual } from "../src/lib/pages/usage/view";

const line = (day: string, model: string, cost: string, tokens = 10) => ({
  day, model, cost, requests: 1, estimated_requests: 0, unpriced_requests: 0, prompt_tokens: tokens, completion_tokens: 1, cached_tokens: 0,
});
const LINES = [line("2026-11-01", "a", "0.000000001"), line("2026-11-03", "a", "2"), line("2026-11-03", "b", "1"), line("2026-11-02", "c", "0.5"), line("2026-11-09", "a", "9")];
const DAYS = daysOf("2026-11-01T00:00:00Z", "2026-11-04T00:00:00Z");

test("days go from the first up to the last, or to today", () => {
  assert.deepEqual(DAYS.map((day) => day.toISOString().slice(0, 10)), ["2026-11-01", "2026-11-02", "2026-11-03"]);
  assert.equal(daysOf("2026-11-01T00:00:00Z", null, Date.parse("2026-11-02T13:00:00Z")).length, 2);
  assert.equal(daysOf(null, null).length, 1);
});

test("the largest come first, the smallest together", () => {
  const groups = stacked(LINES, ({ model }) => model ?? "", DAYS, "cost", 2, "others");
  assert.deepEqual(groups.map(({ name, total }) => [name, total]), [["a", 2.000000001], ["others", 1.5]]);
  assert.deepEqual(groups[1]!.values, [0, 0.5, 1]);
  assert.equal(groups[0]!.share, 0.5714);
  assert.deepEqual(stacked(LINES, ({ model }) => model ?? "", DAYS, "requests", 6, "others").map(({ name }) => name), ["a", "b", "c"]);
  assert.deepEqual(stacked([], () => "", DAYS, "tokens", 6, ""), []);
});

test("what is counted", () => {
  assert.equal(amount(LINES[1]!, "cost"), 2_000_000_000n);
  assert.equal(amount(LINES[1]!, "tokens"), 11n);
  assert.equal(usual(LINES[0]!), "cost");
  assert.equal(usual(line("", "", "0.00")), "tokens");
  assert.equal(chosen(SPANS, "90d", "30d"), "90d");
  assert.equal(chosen(SPANS, "a year", "30d"), "30d");
  assert.equal(niceTop(57), 60);
});

test("where it leads is said of enough days only", () => {
  assert.equal(trendOf([1, 1, 1, 2, 2, 2]), "rising");
  assert.equal(trendOf([2, 2, 2, 1, 1, 1]), "falling");
  assert.equal(trendOf([2, 1, 2, 1, 2, 2]), "steady");
  assert.equal(trendOf([1, 1, 2, 2]), null);
  assert.equal(trendOf([0, 0, 0, 5, 0, 0]), null);
});

test("what is called exact has every digit", () => {
  const plain = (text: string) => text.replace(/[^\d.,]/g, "");
  assert.equal(plain(exactMoney("0.0000104", "USD")), "0.0000104");
  assert.equal(plain(exactMoney("0.00104980", "EUR")), "0.0010498");
  assert.equal(plain(exactMoney("0.5", "EUR")), "0.50");
  assert.equal(plain(exactMoney("9007199254.740993001", "EUR")), "9,007,199,254.740993001");
  assert.equal(plain(exactMoney("12.345678901", "EUR", 4)), "12.3457");
});
