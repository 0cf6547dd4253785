// The assistant in the frame: asks, shows the answer as it comes, keeps the conversation in this tab
// only. Text becomes elements here, never markup, so nothing that a model writes is run or loaded.

const page = document.body;
const find = (id) => document.getElementById(id);
const given = page.dataset;
const words = JSON.parse(given.words);
const log = find("log");
const form = find("form");
const field = find("text");
const send = find("send");
const state = find("state");
const starters = find("starters");
const kept = `tramontane ${given.embed}`;

let token = given.token;
let turns = [];
let running = null;

function add(parent, name, text, kind) {
  const element = parent.appendChild(document.createElement(name));
  if (text !== undefined) element.textContent = text;
  if (kind) element.className = kind;
  return element;
}

// --- text to elements ----------------------------------------------------------------------------

const INLINE = /\*\*(.+?)\*\*|`([^`]+)`|\*([^*\s][^*]*)\*|!?\[([^\]]+)\]\(((?:https?:\/)?\/[^\s)]+)\)/g;

function inline(target, text) {
  let done = 0;
  for (const found of text.matchAll(INLINE)) {
    target.append(text.slice(done, found.index));
    const [all, strong, code, em, label, address] = found;
    if (strong) add(target, "strong", strong);
    else if (code) add(target, "code", code);
    else if (em) add(target, "em", em);
    else {
      const link = add(target, "a", label);
      link.href = address;
      link.target = "_blank";
      link.rel = "noopener noreferrer nofollow";
    }
    done = found.index + all.length;
  }
  target.append(text.slice(done));
}

function show(target, text) {
  target.replaceChildren();
  for (const block of text.split(/(^```[^\n]*\n[\s\S]*?(?:^```|$(?![\s\S])))/m)) {
    if (block.startsWith("```")) {
      const code = block.replace(/^.*\n/, "").replace(/\n?```$/, "");
      add(add(target, "pre"), "code", code).parentNode.tabIndex = 0;
    } else {
      lines(target, block.split("\n"));
    }
  }
}

function lines(target, all) {
  let open = null;
  let kind = "";
  for (const line of all) {
    const item = /^\s*(?:([-*+])|(\d+)[.)])\s+(.*)/.exec(line);
    const head = /^#{1,6}\s+(.*)/.exec(line);
    const now = item ? (item[1] ? "ul" : "ol") : head ? "h" : line.startsWith("|") ? "pre" : line.trim() ? "p" : "";
    if (now !== kind || now === "h") open = now && add(target, now === "h" ? "p" : now);
    else if (now === "p") add(open, "br");
    kind = now;
    if (item) {
      const entry = add(open, "li");
      if (item[2]) entry.value = item[2];
      inline(entry, item[3]);
    }
    else if (head) inline(add(open, "strong"), head[1]);
    else if (now === "pre") open.append(`${line}\n`);
    else if (now) inline(open, line);
  }
}

// --- the conversation ----------------------------------------------------------------------------

function entry(role, text) {
  const article = add(log, "article", undefined, role);
  add(article, "h2", role === "user" ? words.you : words.model);
  const body = add(article, "div");
  if (role === "user") body.textContent = text;
  else show(body, text);
  return { article, body };
}

function keep() {
  try {
    sessionStorage.setItem(kept, JSON.stringify(turns.slice(-40)));
  } catch {
    // A frame may be denied storage: the conversation then ends with the page.
  }
}

function begin() {
  try {
    turns = JSON.parse(sessionStorage.getItem(kept)) || [];
  } catch {
    turns = [];
  }
  for (const { role, content } of turns) entry(role, content);
  starters.hidden = turns.length > 0;
  find("again").hidden = turns.length === 0;
  log.scrollTop = log.scrollHeight;
}

function follow(change) {
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  change();
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}

async function ask(text) {
  if (running || !text.trim()) return;
  turns.push({ role: "user", content: text.trim() });
  starters.hidden = true;
  find("again").hidden = false;
  follow(() => entry("user", text.trim()));
  log.scrollTop = log.scrollHeight;
  field.value = "";
  grow();
  await answer();
}

async function answer() {
  keep();
  running = new AbortController();
  send.textContent = words.stop;
  send.className = "stop";
  state.textContent = words.thinking;
  const shown = entry("assistant", "");
  shown.article.setAttribute("aria-busy", "true");
  let text = "";
  let failure = "";
  let isDrawing = false;
  const draw = () => {
    isDrawing = false;
    follow(() => show(shown.body, text));
  };
  try {
    for await (const [name, data] of events(await request())) {
      if (name === "queued") state.textContent = fill(words.queued, data);
      else if (name === "delta") {
        text += data.text;
        state.textContent = words.writing;
        if (!isDrawing) requestAnimationFrame(draw);
        isDrawing = true;
      } else if (name === "done") token = data.token;
      else if (name === "error") throw refusal(data);
    }
  } catch (error) {
    if (!running.signal.aborted) failure = error.words || words.errors.network;
  }
  running = null;
  send.textContent = words.send;
  send.className = "";
  state.textContent = "";
  draw();
  shown.article.removeAttribute("aria-busy");
  if (text) turns.push({ role: "assistant", content: text });
  else if (!failure) turns.pop();
  if (!text) shown.article.remove();
  if (failure) fail(failure, text !== "");
  keep();
}

function fail(message, hasBegun) {
  const note = add(log, "div", undefined, "failure");
  note.setAttribute("role", "alert");
  add(note, "p", message);
  const again = add(note, "button", words.retry);
  again.type = "button";
  again.addEventListener("click", () => {
    note.remove();
    if (hasBegun) log.lastElementChild.remove();
    if (hasBegun) turns.pop();
    answer();
  });
  log.scrollTop = log.scrollHeight;
}

function refusal(error) {
  const found = words.errors[error.code] || words.errors.other;
  return Object.assign(new Error(error.code), { code: error.code, words: fill(found, { seconds: error.retry_after_s || 5 }) });
}

function fill(text, values) {
  return text
    .replace("{position}", values.position)
    .replace("{seconds}", Math.max(1, Math.round(values.eta_s ?? values.seconds)));
}

async function request(isSecond = false) {
  const answer = await fetch(`/api/v1/embeds/${given.embed}/messages`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token, language: page.parentNode.lang, messages: recent() }),
    signal: running.signal,
  });
  if (answer.ok) return answer.body;
  const { error } = await answer.json();
  if (error.code === "visitor_expired" && !isSecond) {
    const fresh = await fetch(location.href, { signal: running.signal });
    token = /data-token="([^"]+)"/.exec(await fresh.text())?.[1] || token;
    return request(true);
  }
  const wait = Number(answer.headers.get("retry-after")) || undefined;
  throw refusal({ ...error, retry_after_s: wait });
}

/** The last turns, as many as may be sent. */
function recent() {
  let left = 18000;
  const found = [];
  for (const turn of turns.slice(-30).reverse()) {
    left -= turn.content.length;
    if (left < 0 && found.length) break;
    found.unshift(turn);
  }
  return found;
}

async function* events(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    rest += value;
    for (let end; (end = rest.indexOf("\n\n")) >= 0; rest = rest.slice(end + 2)) {
      const name = /^event: (.*)$/m.exec(rest.slice(0, end));
      const data = /^data: (.*)$/m.exec(rest.slice(0, end));
      if (name && data) yield [name[1], JSON.parse(data[1])];
    }
  }
}

// --- what a visitor does -------------------------------------------------------------------------

function grow() {
  field.style.height = "auto";
  field.style.height = `${Math.min(field.scrollHeight + 2, 160)}px`;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (running) running.abort();
  else ask(field.value);
});
field.addEventListener("input", grow);
field.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  if (!running) ask(field.value);
});
starters.addEventListener("click", (event) => {
  if (event.target.tagName === "BUTTON") ask(event.target.textContent);
});
find("again").addEventListener("click", () => {
  if (running) running.abort();
  turns = [];
  keep();
  log.replaceChildren(starters);
  begin();
  field.focus();
});
const tell = (what) => parent !== window && parent.postMessage(`tramontane:${what}`, "*");
document.addEventListener("keydown", (event) => event.key === "Escape" && tell("close"));
find("close").addEventListener("click", () => tell("close"));
addEventListener("message", (event) => {
  if (event.source === parent && event.data === "tramontane:covers") find("close").hidden = false;
});
begin();
tell("ready");
