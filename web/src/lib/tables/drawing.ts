/**
 * Draws charts with Vega, in a chunk of its own. Expressions are interpreted, never compiled, as
 * the policy of the page asks; nothing is fetched. It knows specs and rows, nothing of messages.
 */

import { parse, View } from "vega";
import { expressionInterpreter } from "vega-interpreter";
import { compile, type TopLevelSpec } from "vega-lite";
import type { Cell, ResultColumn } from "$lib/api/types";
import { numberSigns } from "$lib/format.svelte";
import { currentLanguage, t } from "$lib/i18n/index.svelte";
import { areYears } from "./columns";
import { tamed, titleOf, type Spec } from "./specs";

export interface Drawing {
  view: View;
  end(): void;
}

interface Size {
  width: number;
  /** Room for the names of categories, in pixels. */
  labels: number;
}

/** Colours that tell series apart, also for those who see colours otherwise; none means anything. */
const SERIES = {
  light: ["#0069a8", "#c98a2b", "#5b6673", "#37a2b5", "#8c4f2b", "#9bb7cf", "#3c5a3f", "#b7a78a", "#1f3d5c", "#7ca982"],
  dark: ["#74c0f5", "#e3b56c", "#a3aebb", "#5ccbd8", "#d08c66", "#486a8c", "#8fbf95", "#857a63", "#c6dcef", "#5b8a63"],
};

const OUT_HEIGHT = 290;
const FILE_HEIGHT = 460;

/** Draw `spec` over `rows` into `container`; `label` is what it is called. */
export async function draw(container: HTMLElement, spec: Spec, columns: readonly ResultColumn[], rows: readonly Cell[][], label: string, size: Size): Promise<Drawing> {
  const scheme = isDark() ? "dark" : "light";
  const view = viewOf(spec, columns, rows, scheme, size, container);
  const tip = new Tip(container);
  view.tooltip((_handler: unknown, event: Event, _item: unknown, value: unknown) => tip.show(event as MouseEvent, value));
  try {
    await view.runAsync();
  } catch (error) {
    view.finalize();
    throw error;
  }
  const svg = container.querySelector("svg");
  svg?.setAttribute("role", "img");
  svg?.setAttribute("aria-label", label);
  for (const part of svg?.querySelectorAll("[role], [aria-roledescription]") ?? []) {
    part.removeAttribute("role");
    part.removeAttribute("aria-roledescription");
  }
  return {
    view,
    end() {
      tip.hide();
      view.finalize();
      container.replaceChildren();
    },
  };
}

/** The chart as an SVG file, on white, with its title. */
export async function asSvg(spec: Spec, columns: readonly ResultColumn[], rows: readonly Cell[][]): Promise<Blob> {
  const view = exported(spec, columns, rows);
  const text = await view.toSVG();
  view.finalize();
  return new Blob([text], { type: "image/svg+xml" });
}

/** The chart as a picture of twice its size, on white, with its title. */
export async function asPng(spec: Spec, columns: readonly ResultColumn[], rows: readonly Cell[][]): Promise<Blob> {
  const view = exported(spec, columns, rows);
  const canvas = (await view.toCanvas(2)) as unknown as HTMLCanvasElement;
  view.finalize();
  return new Promise((resolve, reject) => canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("no picture"))), "image/png"));
}

function exported(spec: Spec, columns: readonly ResultColumn[], rows: readonly Cell[][]): View {
  return viewOf(spec, columns, rows, "light", { width: 760, labels: 220 }, null);
}

function viewOf(spec: Spec, columns: readonly ResultColumn[], rows: readonly Cell[][], scheme: "light" | "dark", size: Size, container: HTMLElement | null): View {
  const whole = complete(tamed(spec), columns, rows, scheme, size, container === null);
  const compiled = compile(whole as unknown as TopLevelSpec, { logger: SILENT }).spec;
  return new View(parse(compiled, undefined, { ast: true } as never), {
    expr: expressionInterpreter,
    renderer: container ? "svg" : "none",
    ...(container ? { container } : {}),
    hover: false,
    loader: NOTHING as never,
    locale: signs() as never,
    logger: SILENT as never,
  });
}

/** The spec with data, size and the look of the page. */
function complete(spec: Spec, columns: readonly ResultColumn[], rows: readonly Cell[][], scheme: "light" | "dark", size: Size, isFile: boolean): Spec {
  const colour = colours(scheme);
  const encoding = (spec.encoding ?? {}) as Record<string, { type?: string; title?: string; field?: string; axis?: unknown } | undefined>;
  const isLying = encoding.y !== undefined && encoding.y.type !== "quantitative" && encoding.y.type !== "temporal";
  const isStrip = encoding.y === undefined;
  const height = isStrip ? 46 : isLying ? { step: encoding.yOffset ? 12 : rows.length > 20 ? 19 : 23 } : isFile ? FILE_HEIGHT : OUT_HEIGHT;
  const title = titleOf(spec);
  return {
    ...spec,
    title: isFile && title ? { text: wrapped(title, 74), anchor: "start", frame: "bounds", fontSize: 17, fontWeight: 600, offset: 14, color: colour.ink } : undefined,
    data: { values: data(columns, rows) },
    width: size.width,
    height,
    padding: isFile ? 24 : { left: 0, right: 6, top: 4, bottom: 2 },
    background: isFile ? "#ffffff" : "transparent",
    autosize: { type: isLying ? "fit-x" : "fit", contains: "padding" },
    config: {
      font: '"Source Sans 3", system-ui, sans-serif',
      aria: false,
      view: { stroke: null },
      range: { category: SERIES[scheme] },
      mark: { color: SERIES[scheme][0], tooltip: true },
      bar: { color: SERIES[scheme][0] },
      scale: { bandPaddingInner: 0.22, bandPaddingOuter: 0.1 },
      timeFormat: currentLanguage() === "de" ? "%-d. %b %Y" : "%-d %b %Y",
      line: { strokeWidth: 2.2 },
      point: { filled: true, size: 46 },
      area: { opacity: 0.75, line: true },
      axis: {
        labelColor: colour.grey, labelFontSize: 13, labelLimit: size.labels, titleColor: colour.grey, titleFontSize: 13, titleFontWeight: 500,
        gridColor: colour.line, domainColor: colour.edge, tickColor: colour.edge, labelPadding: 6, titlePadding: 9, ticks: false,
      },
      axisQuantitative: { domain: false, tickCount: size.width < 420 ? 4 : 6 },
      axisTemporal: { grid: false, labelSeparation: 10 },
      axisDiscrete: { grid: false },
      axisX: { labelAngle: isLying || encoding.x?.type !== "nominal" || rows.length <= 6 ? 0 : -40, labelOverlap: encoding.x?.type === "nominal" ? false : "greedy" },
      axisY: { titleAngle: 0, titleAlign: "left", titleAnchor: "start", titleX: 0, titleY: isLying ? -10 : -12, titleBaseline: "bottom" },
      legend: { labelColor: colour.ink, labelFontSize: 13, titleColor: colour.grey, titleFontSize: 13, titleFontWeight: 500, orient: "top", symbolType: "square", labelLimit: 160, columns: size.width < 420 ? 2 : 4 },
    },
  };
}

function data(columns: readonly ResultColumn[], rows: readonly Cell[][]): Record<string, unknown>[] {
  const years = columns.map((column, at) => column.type === "number" && areYears(column.name, rows.map((row) => row[at] ?? null)));
  return rows.map((row) => Object.fromEntries(columns.map((column, at) => [column.name, value(row[at] ?? null, column.type, years[at]!)])));
}

function value(cell: Cell, type: ResultColumn["type"], isYear: boolean): unknown {
  if (cell === null) return type === "text" || type === "truth" ? t("cellEmpty") : null;
  if (type === "number") return isYear ? cell : Number(cell);
  if (type === "truth") return t(cell === true || cell === "true" ? "truthYes" : "truthNo");
  if (type === "date") return new Date(`${String(cell).slice(0, 10)}T00:00:00`).getTime();
  if (type === "moment") return new Date(String(cell).replace(" ", "T")).getTime();
  return String(cell);
}

/** Numbers and times in the reader's notation and language, as d3 takes them. */
function signs(): object {
  const { decimal, group } = numberSigns();
  const language = currentLanguage();
  const name = (options: Intl.DateTimeFormatOptions, count: number, at: (n: number) => Date) =>
    Array.from({ length: count }, (_, n) => new Intl.DateTimeFormat(language, { ...options, timeZone: "UTC" }).format(at(n)));
  const day = (n: number) => new Date(Date.UTC(2023, 0, 1 + n));
  const month = (n: number) => new Date(Date.UTC(2023, n, 15));
  return {
    number: { decimal, thousands: group, grouping: [3], currency: ["", ""], percent: language === "en" ? "%" : "\u00a0%" },
    time: {
      dateTime: "%x %X", date: language === "en" ? "%d/%m/%Y" : "%d.%m.%Y", time: "%H:%M", periods: ["", ""],
      days: name({ weekday: "long" }, 7, day), shortDays: name({ weekday: "short" }, 7, day),
      // Below an axis there is room for short names only.
      months: name({ month: "short" }, 12, month), shortMonths: name({ month: "short" }, 12, month),
    },
  };
}

const NAMES = ["ink", "grey", "edge", "line"] as const;

/** The colours of the page as they are drawn. */
function colours(scheme: "light" | "dark"): Record<(typeof NAMES)[number], string> {
  const probe = document.createElement("span");
  probe.style.colorScheme = scheme;
  document.body.append(probe);
  const found = Object.fromEntries(
    NAMES.map((name) => {
      probe.style.color = `var(--${name})`;
      return [name, getComputedStyle(probe).color];
    }),
  );
  probe.remove();
  return found as Record<(typeof NAMES)[number], string>;
}

/** Whether the page is dark now. */
function isDark(): boolean {
  const chosen = document.documentElement.dataset.theme;
  return chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
}

function wrapped(text: string, most: number): string[] {
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const last = lines.at(-1)!;
    if (last && last.length + word.length >= most) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  return lines;
}

/** Fetches nothing, whatever is asked. */
const refuse = () => Promise.reject(new Error("charts fetch nothing"));
const NOTHING = { load: refuse, sanitize: refuse, http: refuse, file: refuse, options: {}, fileAccess: false };

const SILENT = {
  level() {
    return this;
  },
  error() {
    return this;
  },
  warn() {
    return this;
  },
  info() {
    return this;
  },
  debug() {
    return this;
  },
} as never;

/** What a mark stands for, beside the pointer. */
class Tip {
  #element: HTMLElement | null = null;
  readonly #container: HTMLElement;

  constructor(container: HTMLElement) {
    this.#container = container;
  }

  show(event: MouseEvent, value: unknown): void {
    this.hide();
    if (value === null || value === undefined || value === "") return;
    const lines = typeof value === "object" ? Object.entries(value).map(([name, of]) => `${name}: ${String(of)}`) : [String(value)];
    const tip = document.createElement("div");
    tip.className = "tip";
    tip.popover = "manual";
    tip.ariaHidden = "true";
    tip.style.whiteSpace = "pre-line";
    tip.textContent = lines.join("\n");
    (this.#container.closest("dialog") ?? document.body).append(tip);
    tip.showPopover();
    const { width, height } = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(event.clientX + 12, innerWidth - width - 4))}px`;
    tip.style.top = `${event.clientY - height - 10 < 4 ? event.clientY + 16 : event.clientY - height - 10}px`;
    this.#element = tip;
  }

  hide(): void {
    this.#element?.remove();
    this.#element = null;
  }
}
