/** Which model a new conversation begins with. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Model } from "../src/lib/api/types";
import { chosenFrom } from "../src/lib/chat/choice";

const model = (name: string, input: string | null, more: Partial<Model> = {}) =>
  ({ name, kind: "remote", is_capable: true, state: "unprobed", price: { known: input !== null, input_per_mtok: input ?? "0", output_per_mtok: input ?? "0", currency: "USD" }, ...more }) as Model;
const guide = model("guide", "0", { kind: "guide", is_capable: false, state: "ready" });
const chosen = (models: Model[], preferred: string | null = null) => chosenFrom(models, preferred)?.name;

test("the cheapest that is capable; ties by name, an unknown price last", () => {
  const dear = model("a-dear", "1000", { state: "ready" });
  assert.equal(chosen([guide, dear, model("z", "0.10"), model("y", "0.1"), model("b", null)]), "y");
  assert.equal(chosen([guide, model("b", null), dear]), "a-dear");
  assert.equal(chosen([guide, model("b", null)]), "b");
});

test("the preferred one whatever it costs, unless it is broken", () => {
  const models = [guide, model("cheap", "1"), model("dear", "1000"), model("down", "0", { state: "failed" })];
  assert.equal(chosen(models, "dear"), "dear");
  assert.equal(chosen(models, "down"), "cheap");
});

test("one that is up before a cheaper one that is starting; without any, the guide", () => {
  assert.equal(chosen([model("soon", "0", { state: "starting" }), model("up", "1", { state: "ready" })]), "up");
  assert.equal(chosen([guide]), "guide");
  assert.equal(chosen([]), undefined);
});
