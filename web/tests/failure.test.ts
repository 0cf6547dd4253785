/** Why a model has not answered is said in the reader's words, where there are any. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../src/lib/api/client";
import { explanation, refusal } from "../src/lib/chat/failure";
import { Answer } from "../src/lib/pages/playground/asking.svelte";

const refused = (code: string, more: object = {}) =>
  new ApiError(429, code, "In English.", null, null, { error: { code, message: "In English.", ...more } });

test("a budget that is used up, and one that is only too small", () => {
  assert.equal(explanation({ code: "insufficient_quota" }), "failedBudget");
  assert.equal(explanation({ code: "insufficient_quota", may_cost: "0.1", left: "0.00", currency: "EUR" }), "failedBudget");
  assert.equal(explanation({ code: "insufficient_quota", may_cost: "0.1", left: "0.04", currency: "EUR" }), "failedCostly");
});

test("what has no words of ours is left to the server's", () => {
  assert.equal(explanation({ code: "unsupported_parameter" }), null);
  assert.equal(explanation(refused("model_not_found")), "failedGone");
});

test("too long: earlier messages are left out only where there are any", () => {
  const long = (param: string | null) => refusal(new ApiError(400, "context_length_exceeded", "In English.", param));
  assert.deepEqual(long("trim"), { problem: "failedLong", detail: "In English.", canTrim: true });
  assert.deepEqual(long("text"), { problem: "failedLongAlone", detail: "In English.", canTrim: false });
  assert.equal(explanation({ code: "context_length_exceeded" }, true), "failedLongAlone");
});

test("what the server says stands beside our words, and alone where there are none", () => {
  assert.deepEqual(refusal(refused("insufficient_quota")), { problem: "failedBudget", detail: "In English.", canTrim: false });
  assert.deepEqual(refusal(refused("unsupported_parameter")), { problem: "In English.", detail: "", canTrim: false });
});

test("the playground says it, and beside it what the gateway has said", () => {
  const answer = new Answer("dear");
  answer.failure = refused("insufficient_quota", { may_cost: "0.1", left: "0.04", currency: "EUR" });
  assert.deepEqual([answer.wrong, answer.detail], ["failedCostly", "In English."]);
  answer.failure = refused("unsupported_parameter");
  assert.deepEqual([answer.wrong, answer.detail], ["In English.", ""]);
  answer.failure = new ApiError(0, "offline", "The server did not answer.");
  assert.deepEqual([answer.wrong, answer.detail], ["problemOffline", ""]);
});
