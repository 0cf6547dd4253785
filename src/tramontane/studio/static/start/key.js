// The key: pasted, checked, kept for as long as this tab is open, forgotten.

import { Gone, read } from "./client.js";
import { $, el, factList, fill, mark, quietButton } from "./elements.js";
import { page, tell, when } from "./state.js";
import { date, sentence, t } from "./words.js";

const KEPT = "tramontane.key";

let isResuming = false;

async function submitted(event) {
  event.preventDefault();
  const pasted = $("key").value.trim();
  // Whole lines are pasted too: `export TRAMONTANE_KEY=tmt_…`.
  const key = /tmt_[0-9A-Za-z]+_[0-9A-Za-z]+/.exec(pasted)?.[0] ?? pasted;
  if (!key) return refuse(t("key_empty"));
  if (!/^[!-~]+$/.test(key)) return refuse(t("key_form")); // no header could hold it
  $("key-use").disabled = true;
  try {
    await use(key);
    $("prompt").focus();
  } catch (error) {
    refuse(reason(error));
  } finally {
    $("key-use").disabled = false;
  }
}

/** Return in words why something could not be read. */
export function reason(error) {
  if (error instanceof Gone) return t("gone_first", { origin: location.origin });
  const name = error.status === 401 ? "key_refused" : "failed";
  return t(name, { message: sentence(error.message) });
}

async function use(key) {
  page.status = await read(key, "/status");
  page.key = key;
  sessionStorage.setItem(KEPT, key);
  $("key").value = "";
  $("key").removeAttribute("aria-invalid");
  $("key-error").hidden = true;
  showKey();
  tell("status-read");
  tell("key-accepted");
}

function refuse(text) {
  $("key-error").textContent = text;
  $("key-error").hidden = false;
  $("key").setAttribute("aria-invalid", "true");
  $("key").focus();
}

function forget() {
  sessionStorage.removeItem(KEPT);
  page.key = page.status = null;
  fill("key-in-use");
  fill("version");
  for (const id of ["key-in-use", "account", "try-form"]) $(id).hidden = true;
  for (const id of ["key-form", "try-closed"]) $(id).hidden = false;
  tell("key-forgotten");
  $("key").focus();
}

function showKey() {
  const { key, version } = page.status;
  const named = el("span", {}, key.name, " ", el("code", {}, `${key.prefix}…`));
  const facts = [
    [t("key_project"), key.project],
    [t("key_name"), named],
    [t("key_rights"), key.rights.map((right) => t(`right.${right}`)).join(", ")],
  ];
  if (key.expires_at) facts.push([t("key_expires"), date(new Date(key.expires_at), { dateStyle: "long" })]);
  if (key.closed_reason) facts.push([t("key_closed"), mark("refused", key.closed_reason)]);
  fill("key-in-use", factList("facts", facts), quietButton(t("key_forget"), forget));
  fill("version", t("version", { version }));
  for (const id of ["key-form", "try-closed"]) $(id).hidden = true;
  for (const id of ["key-in-use", "account", "try-form"]) $(id).hidden = false;
}

const isLocal = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
$("key-plain").hidden = isLocal || location.protocol === "https:";
$("key-form").addEventListener("submit", submitted);
when("key-refused", (error) => {
  forget();
  refuse(reason(error));
});
when("models-changed", async () => {
  const { key } = page;
  const status = key && (await read(key, "/status").catch(() => null));
  if (!status || page.key !== key) return;
  page.status = status;
  tell("status-read");
});
when("models-known", resume); // where the platform did not answer before

/** Use the key that this tab has kept, if any and if none is in use. */
export async function resume() {
  const kept = sessionStorage.getItem(KEPT);
  if (!kept || page.key || isResuming) return;
  isResuming = true;
  try {
    await use(kept);
  } catch (error) {
    if (error.status === 401) tell("key-refused", error);
  } finally {
    isResuming = false;
  }
}
