/**
 * Charts as Vega-Lite describes them, without data: which kind one is, how it becomes another kind,
 * and what of one may be drawn. Pure; it draws nothing.
 */

import type { ResultColumn } from "$lib/api/types";

export type Spec = Record<string, unknown>;
export type ChartKind = "bar" | "column" | "line" | "area" | "point" | "other";
/** The kinds that a reader can choose. */
export const KINDS: readonly Exclude<ChartKind, "other">[] = ["bar", "column", "line", "area", "point"];

interface Channel {
  field?: string;
  type?: string;
  title?: string;
  sort?: unknown;
  [name: string]: unknown;
}
type Encoding = Record<string, Channel | undefined>;

// What fetches, links or runs something of its own: no chart of a result needs it.
const REFUSED = new Set(["url", "href", "data", "datasets", "usermeta", "signal", "signals", "params", "expr", "config", "loader", "image", "resolve"]);

/** The spec without all that could fetch, link or compute on its own. */
export function tamed(spec: Spec): Spec {
  return without(spec) as Spec;
}

function without(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(without);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).filter(([name]) => !REFUSED.has(name)).map(([name, each]) => [name, without(each)]));
}

function encodingOf(spec: Spec): Encoding {
  const encoding = spec.encoding;
  return encoding && typeof encoding === "object" ? (encoding as Encoding) : {};
}

function markOf(spec: Spec): string {
  const mark = spec.mark;
  if (typeof mark === "string") return mark;
  return mark && typeof mark === "object" ? String((mark as { type?: unknown }).type ?? "") : "";
}

/** Which kind of chart it is. */
export function kindOf(spec: Spec): ChartKind {
  const { x, y } = encodingOf(spec);
  switch (markOf(spec)) {
    case "bar":
      return x?.type === "quantitative" ? "bar" : y?.type === "quantitative" ? "column" : "other";
    case "line":
    case "trail":
      return "line";
    case "area":
      return "area";
    case "point":
    case "circle":
    case "square":
      return "point";
    default:
      return "other";
  }
}

/** The same values as another kind of chart. */
export function asKind(spec: Spec, kind: Exclude<ChartKind, "other">): Spec {
  const encoding: Encoding = { ...encodingOf(spec) };
  const value = encoding.x?.type === "quantitative" && encoding.y?.type !== "quantitative" ? encoding.x : encoding.y;
  let category = value === encoding.x ? encoding.y : encoding.x;
  // A single stacked bar has its categories in its colours.
  if (!category && encoding.color) {
    category = { ...encoding.color };
    delete encoding.color;
    delete encoding.order;
  }
  if (!category || !value) return spec;
  const { x: _x, y: _y, xOffset, yOffset, ...rest } = encoding;
  const offset = xOffset ?? yOffset;
  const { stack: _stack, ...plain } = value;
  const isLying = kind === "bar";
  const isOver = kind === "line" || kind === "area";
  const along: Channel = { ...category };
  if (along.type === "nominal" && ["-x", "-y", null, undefined].includes(along.sort as string | null | undefined)) {
    along.sort = isOver ? null : isLying ? "-x" : "-y";
  }
  const next: Encoding = { ...rest, ...(isLying ? { y: along, x: plain } : { x: along, y: plain }) };
  if (offset && (kind === "bar" || kind === "column")) next[isLying ? "yOffset" : "xOffset"] = offset;
  const mark = kind === "bar" || kind === "column" ? { type: "bar" } : kind === "line" ? { type: "line", point: true } : { type: kind };
  return { ...spec, mark, encoding: next };
}

/** Which kinds suit what is on the axes. */
export function kindsFor(spec: Spec): readonly Exclude<ChartKind, "other">[] {
  const { x, y, color } = encodingOf(spec);
  const quantities = [x, y].filter((channel) => channel?.type === "quantitative").length;
  if (quantities === 2) return ["point", "line"];
  if (quantities === 1 && (x || y || color)) return KINDS;
  return [];
}

/** What stands above it. */
export function titleOf(spec: Spec): string {
  const title = spec.title;
  if (typeof title === "string") return title;
  const text = (title as { text?: unknown } | undefined)?.text;
  return Array.isArray(text) ? text.join(" ") : typeof text === "string" ? text : "";
}

export function withTitle(spec: Spec, title: string): Spec {
  return { ...spec, title };
}

/** A chart for columns that came without one: the first number over the first that is none. */
export function plainChart(columns: readonly ResultColumn[]): Spec | null {
  const value = columns.find((column) => column.type === "number");
  const along = columns.find((column) => column !== value);
  if (!value || !along) return null;
  const field = (name: string) => name.replace(/([\\.[\]'"])/g, "\\$1");
  const isTime = along.type === "date" || along.type === "moment";
  const category = { field: field(along.name), type: isTime ? "temporal" : along.type === "number" ? "quantitative" : "nominal", title: along.name };
  const quantity = { field: field(value.name), type: "quantitative", title: value.name };
  const title = `${value.name} · ${along.name}`;
  if (category.type === "nominal") return { title, mark: { type: "bar" }, encoding: { y: { ...category, sort: "-x" }, x: quantity } };
  return { title, mark: { type: isTime ? "line" : "point" }, encoding: { x: category, y: quantity } };
}
