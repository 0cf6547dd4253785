/** Results of tables, without a page: how cells are written, charts change their kind, SQL is coloured. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { setNotation } from "../src/lib/format.svelte";
import { comparing, writer } from "../src/lib/tables/columns";
import { csv } from "../src/lib/tables/csv";
import { asKind, kindOf, KINDS, kindsFor, plainChart, tamed, titleOf, withTitle, type Spec } from "../src/lib/tables/specs";
import { pieces } from "../src/lib/tables/sql";

const BARS: Spec = {
  title: "Price: highest for A (3)",
  mark: { type: "bar" },
  encoding: { y: { field: "maker", type: "nominal", sort: "-x" }, x: { field: "price", type: "quantitative" } },
};
const texts = (name: string, cells: (string | number | null)[]) => cells.map((cell) => writer(name, "number", cells)(cell).text);

test("numbers stand in the reader's notation, their decimals under each other", () => {
  setNotation("1.234,5");
  const cells = [1234.5, 0.25, 7, null];
  assert.deepEqual(texts("price", cells), ["1.234,5", "0,25", "7", ""]);
  assert.deepEqual(cells.map((cell) => writer("price", "number", cells)(cell).room), ["\u2007", "", "\u2008\u2007\u2007", ""]);
  setNotation("1,234.5");
  assert.deepEqual(texts("price", cells), ["1,234.5", "0.25", "7", ""]);
});

test("what a mean has behind its point beyond use is left out", () => {
  setNotation("1,234.5");
  assert.deepEqual(texts("mean", [42.07093023255814, 18.166666666666668]), ["42.07", "18.17"]);
  assert.deepEqual(texts("mean", [0.0123456, 2]), ["0.012", "2"]);
});

test("numbers too long for a double keep every digit", () => {
  setNotation("1,234.5");
  assert.deepEqual(texts("id", ["9007199254740993", "1"]), ["9,007,199,254,740,993", "1"]);
});

test("years have no groups of digits", () => {
  assert.deepEqual(texts("Year of Released", [2024, 2025]), ["2024", "2025"]);
  assert.deepEqual(texts("Jahr", [2024, 12]), ["2,024", "12"]);
});

test("months and years are said as such where all moments are", () => {
  const write = (cells: string[]) => cells.map((cell) => writer("when", "date", cells)(cell).text);
  assert.deepEqual(write(["2025-01-01", "2025-02-01"]), ["Jan 2025", "Feb 2025"]);
  assert.deepEqual(write(["2024-01-01", "2025-01-01"]), ["2024", "2025"]);
  assert.deepEqual(write(["2025-01-01", "2025-02-03"]), ["1 Jan 2025", "3 Feb 2025"]);
});

test("cells are compared as what they are", () => {
  assert.ok(comparing("number")("9", "10") < 0);
  assert.ok(comparing("text")("Öl", "Zug") < 0);
});

test("a chart becomes each kind, and comes back", () => {
  assert.deepEqual(kindsFor(BARS), KINDS);
  for (const kind of KINDS) {
    const changed = asKind(BARS, kind);
    assert.equal(kindOf(changed), kind);
    assert.deepEqual(asKind(changed, "bar"), asKind(BARS, "bar"));
    assert.equal(titleOf(changed), titleOf(BARS));
  }
  assert.equal(titleOf(withTitle(BARS, "Prices")), "Prices");
});

test("a strip of shares becomes bars of its parts", () => {
  const strip: Spec = { mark: "bar", encoding: { x: { field: "share", type: "quantitative", stack: "zero" }, color: { field: "kind", type: "nominal" } } };
  const bars = asKind(strip, "bar") as { encoding: Record<string, { field: string; stack?: string } | undefined> };
  assert.equal(bars.encoding.y?.field, "kind");
  assert.equal(bars.encoding.color, undefined);
  assert.equal(bars.encoding.x?.stack, undefined);
});

test("nothing in a chart may fetch, link or compute", () => {
  const evil: Spec = {
    ...BARS,
    data: { url: "https://evil.example" },
    params: [{ name: "p", expr: "1" }],
    config: { background: "red" },
    encoding: { ...(BARS.encoding as object), href: { value: "https://evil.example" }, url: { field: "u" } },
  };
  assert.deepEqual(tamed(evil), BARS);
});

test("a result without a chart can have one", () => {
  const chart = plainChart([{ name: "when", type: "date" }, { name: "a.b", type: "number" }])!;
  assert.equal(kindOf(chart), "line");
  assert.equal((chart.encoding as Record<string, { field: string }>).y!.field, "a\\.b");
  assert.equal(plainChart([{ name: "a", type: "text" }]), null);
});

test("SQL is cut into pieces that are the whole of it", () => {
  const sql = "SELECT \"a b\", count(*) -- all\nFROM t WHERE x = 'it''s' AND y > 1.5e3 /* unended";
  const found = pieces(sql);
  assert.equal(found.map(([text]) => text).join(""), sql);
  const kinds = Object.fromEntries(found.map(([text, kind]) => [text, kind]));
  assert.deepEqual(
    [kinds.SELECT, kinds['"a b"'], kinds.count, kinds["-- all"], kinds["'it''s'"], kinds["1.5e3"], kinds["/* unended"]],
    ["keyword", "name", "function", "comment", "string", "number", "comment"],
  );
});

test("a file of rows is read by programs and runs nothing in a spreadsheet", () => {
  const columns = [{ name: "a,b", type: "text" as const }, { name: "n", type: "number" as const }];
  assert.equal(csv(columns, [["=1+1", -2.5], ['say "x"', null]]), '"a,b",n\r\n\'=1+1,-2.5\r\n"say ""x""",\r\n');
});
