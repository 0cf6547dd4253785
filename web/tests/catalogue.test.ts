/** What is asked of the catalogue, as it stands in addresses and commands. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { cardAddress, MIXES, mixOf, mixParts, mixQuery, showCommand } from "../src/lib/pages/catalogue/filters";

test("a card is priced at the mix of the list that led to it", () => {
  assert.equal(cardAddress("mistral/mistral-nemo", MIXES.chat), "#/catalogue/card?id=mistral%2Fmistral-nemo");
  const there = cardAddress("mistral/mistral-nemo", MIXES.agents);
  assert.equal(there, "#/catalogue/card?id=mistral%2Fmistral-nemo&price_in=10&price_out=1&price_cached=30");
  assert.deepEqual(mixOf(new URLSearchParams(there.split("?")[1])), MIXES.agents);
  assert.equal(mixQuery(MIXES.writing).toString(), "price_in=1&price_out=3&price_cached=0");
});

test("a mix in its parts, and in the command", () => {
  assert.equal(mixParts(MIXES.documents), "20 : 1");
  assert.equal(mixParts(MIXES.agents), "10 : 30 : 1");
  assert.equal(showCommand("a/b", MIXES.chat), "tramontane catalog show a/b");
  assert.equal(showCommand("a/b", MIXES.agents), "tramontane catalog show a/b --mix 10:1:30");
});
