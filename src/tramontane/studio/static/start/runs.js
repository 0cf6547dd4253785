// What runs, asked again and again of the one address that needs no key.

import { Gone, ready } from "./client.js";
import { $, MEANING, SKELETON_MS, el, fill, quietButton, setMark, stateMark } from "./elements.js";
import { page, tell, when } from "./state.js";
import { t, tOr } from "./words.js";

const EVERY_MS = 10_000;
const STARTING_EVERY_MS = 1_500;

let seen = null; // when the platform last answered
let timer = null;

async function watch() {
  clearTimeout(timer);
  let nextMs = STARTING_EVERY_MS;
  try {
    const found = await ready();
    if (found.status === "ready") nextMs = EVERY_MS;
    seen = new Date();
    $("offline").hidden = true;
    $("runs").classList.remove("stale");
    showRuns(found);
  } catch (error) {
    if (!(error instanceof Gone)) throw error;
    showGone();
  }
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(watch, nextMs);
}

function showRuns({ status, parts = {}, models = {} }) {
  const names = Object.keys(models);
  const able = names.filter((name) => models[name] === "ready" || models[name] === "unprobed");
  if (!able.includes(page.model)) page.model = able[0] ?? names[0] ?? null;
  tell("models-known");
  const ok = able.length ? t("runs_overall", { n: able.length }) : t("runs_overall_none");
  setMark($("overall"), MEANING[status] ?? "", status === "ready" ? ok : tOr(`state.${status}`, status));
  const text = JSON.stringify([parts, models]);
  if ($("runs").dataset.shown === text) return; // nothing moves unless something changed
  $("runs").dataset.shown = text;
  tell("models-changed");
  const partNames = Object.fromEntries(Object.keys(parts).map((name) => [name, tOr(`part.${name}`, name)]));
  fill(
    "runs",
    el("h3", {}, t("runs_models")),
    names.length ? stateList(models) : noModel(),
    el("h3", {}, t("runs_parts")),
    stateList(parts, partNames),
  );
}

function stateList(states, names = {}) {
  const rows = Object.entries(states).map(([name, state]) =>
    el("li", {}, el("span", { class: "what" }, names[name] ?? name), stateMark(state)),
  );
  return el("ul", { class: "parts" }, ...rows);
}

function noModel() {
  const command = el("code", {}, "tramontane model add FILE.gguf");
  return el("p", { class: "small" }, t("runs_none"), " ", command, ", ", t("runs_none_or"));
}

function showGone() {
  const time = seen && new Intl.DateTimeFormat(undefined, { timeStyle: "medium" }).format(seen);
  const text = t(seen ? "gone" : "gone_first", { origin: location.origin, time });
  setMark($("overall"), "", "");
  $("runs").classList.add("stale"); // its colours would claim what nobody knows now
  if (!$("offline").hidden && $("offline").dataset.shown === text) return;
  $("offline").dataset.shown = text;
  fill("offline", el("p", {}, text), el("p", {}, quietButton(t("gone_again"), watch)));
  $("offline").hidden = false;
}

function sayAsking() {
  if (seen === null && $("offline").hidden) setMark($("overall"), "waiting", t("asking"));
}

document.addEventListener("visibilitychange", () => document.hidden || watch());
when("gone", watch);
setTimeout(sayAsking, SKELETON_MS);
watch();
