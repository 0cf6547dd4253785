/** However a stream of events is cut, the same events come of it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { EventParser, type FeedEvent } from "../src/lib/api/feed";

const STREAM = [
  ": keep\n\n",
  'id: B-1\nevent: delta\ndata: {"text":"a\\nb"}\n\n',
  'id: B-2\r\nevent: message\r\ndata: {"id":1,\r\ndata: "more":2}\r\n\r\n',
  "data: no json\n\n",
  'event: nothing\n\nid: B-3\ndata: "é 😀"\n\n',
  'data: {"unfinished":',
].join("");

const WANTED: FeedEvent[] = [
  { id: "B-1", type: "delta", data: { text: "a\nb" } },
  { id: "B-2", type: "message", data: { id: 1, more: 2 } },
  { id: "B-3", type: "message", data: "é 😀" },
];

test("whole", () => {
  assert.deepEqual(new EventParser().push(STREAM), WANTED);
});

test("cut anywhere, once and twice", () => {
  for (let one = 0; one <= STREAM.length; one++) {
    for (let two = one; two <= STREAM.length; two += 7) {
      const parser = new EventParser();
      const found = [STREAM.slice(0, one), STREAM.slice(one, two), STREAM.slice(two)].flatMap((text) => parser.push(text));
      assert.deepEqual(found, WANTED, `${one}, ${two}`);
    }
  }
});
