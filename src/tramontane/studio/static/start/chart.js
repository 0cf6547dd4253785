// One bar a day from zero, drawn to the pixels it has. Its title says the finding.

import { el, svg } from "./elements.js";
import { date, number, t } from "./words.js";

const LEFT = 56;
const TOP = 8;
const BOTTOM = 22;

/** Return a figure of [Date, tokens] pairs, at least one of them above zero. */
export function chart(perDay) {
  const tokens = perDay.reduce((sum, [, n]) => sum + n, 0);
  const [most] = perDay.reduce((best, each) => (each[1] > best[1] ? each : best));
  const name = perDay.filter(([, n]) => n).length === 1 ? "usage_finding_one" : "usage_finding";
  const title = t(name, { tokens, days: perDay.length, day: date(most) });
  const drawing = svg("svg", { role: "img", "aria-label": `${title}. ${t("usage_unit")}` });
  new ResizeObserver(() => draw(drawing, perDay)).observe(drawing);
  const unit = el("p", { class: "small" }, t("usage_unit"));
  return el("figure", { class: "chart" }, el("figcaption", {}, title), drawing, unit);
}

function draw(drawing, perDay) {
  const { width, height } = drawing.getBoundingClientRect();
  if (!width) return;
  const top = niceTop(Math.max(...perDay.map(([, n]) => n)));
  const zero = height - BOTTOM;
  const step = (width - LEFT) / perDay.length;
  const y = (n) => zero - (n / top) * (zero - TOP);
  const marks = [0, top / 2, top].flatMap((n) => scale(n, y(n), width));
  const bars = perDay.map(([day, n], i) => {
    const place = { x: LEFT + (i + 0.15) * step, y: y(n), width: step * 0.7, height: zero - y(n) };
    return svg("rect", place, svg("title", {}, `${date(day)}: ${number(n)}`));
  });
  const every = width < 480 ? 14 : 7;
  const names = perDay.flatMap(([day], i) => {
    const back = perDay.length - 1 - i;
    if (back % every) return [];
    const place = { x: LEFT + (i + (back ? 0.5 : 0.85)) * step, y: height - 4 };
    const anchor = { "text-anchor": back ? "middle" : "end" };
    return [svg("text", { ...place, ...anchor }, date(day, { day: "numeric", month: "short" }))];
  });
  drawing.replaceChildren(...marks, ...bars, ...names);
}

function scale(n, y, width) {
  return [
    svg("line", { x1: LEFT, x2: width, y1: y, y2: y, class: n === 0 ? "zero" : "" }),
    svg("text", { x: LEFT - 8, y: y + 4, "text-anchor": "end" }, number(n, { notation: "compact" })),
  ];
}

/** Return the next of 2, 4, 6, 8, 10, 20, 40 … so that half of it is whole too. */
function niceTop(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  return [2, 4, 6, 8, 10].map((n) => n * power).find((n) => n >= most);
}
