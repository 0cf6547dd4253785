/** What is asked of the catalogue, as it stands in addresses and commands. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "../src/lib/api/client";
import type { Publication } from "../src/lib/api/market";
import type { Deployment } from "../src/lib/api/operating";
import { matching } from "../src/lib/pages/market/matching";
import { preselected } from "../src/lib/pages/market/offers";
import { listed } from "../src/lib/pages/catalogue/comparing";
import { cardAddress, MIXES, mixOf, mixParts, mixQuery, showCommand } from "../src/lib/pages/catalogue/filters";
import { priceAsked, priceRefused, priceWritten } from "../src/lib/pages/catalogue/pricing";

test("a card is priced at the mix of the list that led to it", () => {
  assert.equal(cardAddress("mistral/mistral-nemo", MIXES.chat), "#/catalogue/card?id=mistral%2Fmistral-nemo");
  const there = cardAddress("mistral/mistral-nemo", MIXES.agents);
  assert.equal(there, "#/catalogue/card?id=mistral%2Fmistral-nemo&price_in=10&price_out=1&price_cached=30");
  assert.deepEqual(mixOf(new URLSearchParams(there.split("?")[1])), MIXES.agents);
  assert.equal(mixQuery(MIXES.writing).toString(), "price_in=1&price_out=3&price_cached=0");
});

test("a mix in its parts, and in the command", () => {
  assert.equal(mixParts(MIXES.documents), "20 : 1");
  assert.equal(mixParts(MIXES.agents), "10 : 1 : 30");
  assert.equal(showCommand("a/b", MIXES.chat), "tramontane catalog show a/b");
  assert.equal(showCommand("a/b", MIXES.agents), "tramontane catalog show a/b --mix 10:1:30");
});

test("a price is read with a comma, a sign or a code; what is none is none", () => {
  const read = (...texts: string[]) => texts.map((text) => priceAsked(text, "EUR"));
  assert.deepEqual(read("1", " 1,5 ", "1 €", "€1", "1,5 EUR", "2eur", "0.50"), ["1", "1.5", "1", "1", "1.5", "2", "0.50"]);
  assert.deepEqual(read("$2", "2 CHF", "3 zł"), ["2 USD", "2 CHF", "3 PLN"]);
  assert.deepEqual(read("abc", "", "-1", "1 € EUR", "EUR 1 EUR", "1 euros", "1.000,50", "10001"), Array(8).fill(null));
  assert.equal(priceWritten("1.5", "EUR"), "1.5 EUR");
  assert.equal(priceWritten("2 CHF", "EUR"), "2 CHF");
  assert.equal(priceWritten("free", "EUR"), "free");
});

test("a price that cannot be looked for is told at its field", () => {
  const error = new ApiError(400, "invalid_value", "max_price: nobody has said what 1 CHF is worth.", "max_price");
  assert.equal(priceRefused(error, "2 CHF", "EUR"), "catPriceRate");
  assert.equal(priceRefused(error, "dear", "EUR"), "catPriceWrong");
  assert.equal(priceRefused(error, "0.5", "EUR"), "Nobody has said what 1 CHF is worth.");
  assert.equal(priceRefused(new ApiError(400, "invalid_value", "fits: …", "fits"), "2 CHF", "EUR"), "");
  assert.equal(priceRefused(null, "", "EUR"), "");
});

test("publications are found by the beginnings of words, as the catalogue finds models", () => {
  const offer = (name: string, publisher: string, card: Record<string, unknown>, state = "offered") => ({ id: name, name, publisher, card, state }) as unknown as Publication;
  const all = [
    offer("geneva/clerk", "Geneva", { description: "Écrit des arrêtés", languages: ["it"] }),
    offer("vaud/clerk", "Vaud", { name: "Clerk 2.5" }),
    offer("vaud/old", "Vaud", { description: "of Geneva" }, "withdrawn"),
  ];
  const found = (text: string) => matching(all, text, (tag) => [tag, "Italian", "italiano"]).map(({ name }) => name);
  assert.deepEqual(found("geneva"), ["geneva/clerk"]);
  assert.deepEqual(found("CLERK"), ["geneva/clerk", "vaud/clerk"]);
  assert.deepEqual(found("gen arretes italiano"), ["geneva/clerk"]);
  assert.deepEqual(found("clerk 2.5"), ["vaud/clerk"]);
  assert.deepEqual([found("eneva"), found("clerk rome"), found(" · ")], [[], [], []]);
});

test("a project publishes its own deployment before everybody's", () => {
  const usable = [{ name: "demo", project_id: null }, { name: "own", project_id: "prj_1" }] as Deployment[];
  assert.equal(preselected(usable, "prj_1"), "own");
  assert.equal(preselected(usable, "prj_2"), "demo");
  assert.equal(preselected([], "prj_1"), "");
});

test("a long list begins with what was asked for, then with what not all have", () => {
  const values = [["ar", "de", "it", "th"], ["de", "fr", "it"], null];
  const texts = (at: number, wanted: string[]) => listed(values, at, wanted).map(({ text }) => text);
  assert.deepEqual(texts(0, ["it"]), ["it", "ar", "th", "de"]);
  assert.deepEqual(texts(1, []), ["fr", "de", "it"]);
  assert.deepEqual(listed(values, 0, ["it"])[0], { text: "it", isShared: true });
});
