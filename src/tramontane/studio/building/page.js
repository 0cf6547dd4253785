// Asks how far the build is, and gives way to the app as soon as it is there.

const EVERY_MS = 1500;
const $ = (id) => document.getElementById(id);

$("origin").textContent = location.origin;

async function look() {
  try {
    const answer = await fetch("/building", { cache: "no-store", credentials: "omit" });
    const found = await answer.json();
    if (found.is_ready) return location.reload();
    say(found.text, found.is_failed ? "refused" : "waiting");
    $("again").hidden = !found.is_failed;
    $("detail").hidden = !found.detail;
    if ($("detail").textContent !== found.detail) $("detail").textContent = found.detail;
  } catch {
    say($("step").dataset.gone, "refused");
  }
  setTimeout(look, EVERY_MS);
}

function say(text, meaning) {
  if ($("step").textContent !== text) $("step").textContent = text;
  $("step").className = `step ${meaning}`;
}

setTimeout(look, EVERY_MS);
