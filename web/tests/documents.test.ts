/** Where words stand: of a Markdown source in what it is rendered to, of a search in pages, of marks in texts. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { find, findInPieces } from "../src/lib/documents/find";
import { locate, utf16Offsets } from "../src/lib/documents/locate";
import { rows, segments } from "../src/lib/documents/segments";

/** What is found of the words that stand at `start`, by default where they first do. */
function found(source: string, rendered: string, text: string, start = [...source.slice(0, source.indexOf(text))].length): string | null {
  const [span] = locate(source, rendered, [{ start, text }]);
  return span ? `${span.start}:${rendered.slice(span.start, span.end)}` : null;
}

test("words are found where the markup around them is gone", () => {
  assert.equal(found("He **said** “so it is”.", "He said “so it is”.", "so it is"), "9:so it is");
  assert.equal(found("“so **it** _is_ `now`”", "“so it is now”", "so **it** _is_ `now`"), "1:so it is now");
  assert.equal(found("a [link](https://a.example) here", "a link here", "[link](https://a.example) here"), "2:link here");
  assert.equal(found("two\nlines here", "two lines here", "two\nlines"), "0:two lines");
  assert.equal(found("> “quoted\n> twice”", "“quoted\ntwice”", "quoted\n> twice"), "1:quoted\ntwice");
  assert.equal(found("snake_case_name stays", "snake_case_name stays", "snake_case_name"), "0:snake_case_name");
});

test("of equal words those with the same neighbours are taken", () => {
  const source = "In the north 12 towns, in the south 12 villages, in 2012 none.";
  const places = [...source.matchAll(/12/g)].map(({ index }) => index);
  const spans = locate(source, source, [
    { start: places[1]!, text: "12" },
    { start: places[0]!, text: "12" },
  ]);
  assert.deepEqual(spans.map((span) => span?.start), [places[1], places[0]]);
  const cited = "A [1]. B [2]. C [1].";
  const last = cited.lastIndexOf("[1]");
  assert.equal(found(cited, cited, "[1]", last), `${last}:[1]`);
});

test("a number is not cut out of a longer one, and what is not there is not found", () => {
  assert.equal(found("12 or 2012", "2012 or 12", "12", 0), "8:12");
  assert.equal(found("gone", "nothing here", "gone"), null);
});

test("offsets of code points become those of UTF-16, in any order", () => {
  const text = "a😀b👩‍👩‍👧c";
  const points = [...text];
  const wanted = points.map((_, n) => points.slice(0, n).join("").length);
  assert.deepEqual(utf16Offsets(text, wanted.map((_, n) => n)), wanted);
  assert.deepEqual(utf16Offsets(text, [3, 1, 2]), [wanted[3], wanted[1], wanted[2]]);
  assert.equal(found("😀😀 “so”", "😀😀 “so”", "so"), "6:so");
});

test("a search knows no case, accents, spaces and hyphens at line ends", () => {
  const texts = (text: string, query: string) => find(text, query).map(({ start, end }) => text.slice(start, end));
  assert.deepEqual(texts("Évora, EVORA and évora\u0301", "evora"), ["Évora", "EVORA", "évora\u0301".slice(0, 5)]);
  assert.deepEqual(texts("the  north\nwind", "north wind"), ["north\nwind"]);
  assert.deepEqual(texts("inter-\nnational law", "international"), ["inter-\nnational"]);
  assert.deepEqual(texts("A-\nB and a-b", "a-b"), ["a-b"]);
  assert.deepEqual(texts("anything", "  "), []);
  assert.deepEqual(texts("l’été", "l'ete"), ["l’été"]);
});

test("a match over several pieces has a span in each", () => {
  const pieces = ["The north ", "wi", "nd\n", "blows"];
  assert.deepEqual(findInPieces(pieces, "north wind blows"), [
    [
      { piece: 0, start: 4, end: 10 },
      { piece: 1, start: 0, end: 2 },
      { piece: 2, start: 0, end: 3 },
      { piece: 3, start: 0, end: 5 },
    ],
  ]);
});

test("a text is cut where it is marked, the later mark above", () => {
  const marks = [
    { start: 2, end: 8, look: "proven" as const },
    { start: 4, end: 6, look: "at" as const },
  ];
  assert.deepEqual(
    segments("0123456789", marks).map(({ text, look }) => `${text} ${look}`),
    ["01 null", "23 proven", "45 at", "67 proven", "89 null"],
  );
});

test("a table's cells are marked across their borders", () => {
  const text = "Year | Power\n2023 | 398\n2024 | 412";
  const start = text.indexOf("398");
  const cut = rows(text, [{ start, end: text.indexOf("2024") + 4, look: "proven" }]);
  assert.equal(cut.length, 3);
  const marked = cut.flat().flatMap((cell) => cell.filter(({ look }) => look).map((piece) => piece.text));
  assert.deepEqual(marked, ["398", "2024"]);
  assert.equal(cut[2]![1]![0]!.text, "412");
});
