/** Which model a new conversation begins with. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Model } from "../src/lib/api/types";
import { chosenFrom } from "../src/lib/chat/choice";

const model = (name: string, input: string | null, more: Partial<Model> = {}) =>
  ({ name, kind: "remote", is_capable: true, state: "unprobed", price: { known: input !== null, input_per_mtok: input ?? "0", output_per_mtok: input ?? "0", currency: "USD" }, ...more }) as Model;
const guide = model("guide", "0", { kind: "guide", is_capable: false, state: "ready" });
const chosen = (models: Model[], preferred: string | null = null, documents = false) => chosenFrom(models, preferred, documents)?.name;

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

test("one that sleeps after one that is up, however dear", () => {
  const asleep = model("asleep", "0", { state: "asleep" });
  assert.equal(chosen([guide, asleep, model("dear", "1000", { state: "ready" })]), "dear");
  assert.equal(chosen([guide, asleep]), "asleep");
});

test("documents go to the preferred one only where it is capable, to the guide where none is", () => {
  const mine = model("mine", "0.1", { kind: "local", is_capable: false, state: "asleep" });
  assert.equal(chosen([guide, mine]), "guide");
  assert.equal(chosen([guide, mine], "mine"), "mine");
  assert.equal(chosen([guide, mine], "mine", true), "guide");
  assert.equal(chosen([guide, mine, model("b", "1"), model("a", "1")], "mine", true), "a");
  assert.equal(chosen([guide, mine, model("b", "1"), model("a", "1")], "b", true), "b");
});

test("one that is up before a cheaper one that is starting; without any, the guide", () => {
  assert.equal(chosen([model("soon", "0", { state: "starting" }), model("up", "1", { state: "ready" })]), "up");
  assert.equal(chosen([guide]), "guide");
  assert.equal(chosen([]), undefined);
});
