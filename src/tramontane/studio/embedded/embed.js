// An assistant on this site: a button that opens it in a frame. Written by Tramontane.
// <script src="https://…/embed.js" data-embed="emb_…" async></script>
// Optional: data-language (fr, de, es, it, en), data-label, and data-target="#id", which puts the
// assistant into that element, without a button.
(() => {
  const script = document.currentScript;
  const given = script.dataset;
  const origin = new URL(script.src).origin;
  const words = {
    en: ["Ask a question", "Close", "This assistant may not be shown on this site, or cannot be reached."],
    fr: ["Poser une question", "Fermer", "Cet assistant ne peut pas être affiché sur ce site, ou n’est pas joignable."],
    de: ["Eine Frage stellen", "Schließen", "Dieser Assistent darf auf dieser Website nicht gezeigt werden oder ist nicht erreichbar."],
    es: ["Hacer una pregunta", "Cerrar", "Este asistente no se puede mostrar en este sitio, o no está disponible."],
    it: ["Fai una domanda", "Chiudi", "Questo assistente non può essere mostrato su questo sito, o non è raggiungibile."],
  };
  const asked = [given.language, document.documentElement.lang, ...navigator.languages];
  const language = asked.map((tag) => (tag || "").slice(0, 2).toLowerCase()).find((tag) => tag in words) || "en";
  const [ask, close, refused] = words[language];
  const label = given.label || ask;
  const style = "{{launcher}}";

  const host = document.createElement("div");
  const root = host.attachShadow({ mode: "open" });
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  root.adoptedStyleSheets = [sheet];
  const box = document.createElement("div");
  root.append(box);
  const panel = document.createElement("div");
  let frame = null;
  let isReady = false;

  function load() {
    frame = document.createElement("iframe");
    frame.title = label;
    frame.src = `${origin}/embed/${encodeURIComponent(given.embed)}?language=${language}`;
    // Whether a frame was refused cannot be asked: it says that it is there, or has been refused.
    const late = setTimeout(refuse, 15000);
    frame.addEventListener("load", () => setTimeout(() => { clearTimeout(late); refuse(); }, 1500));
    panel.append(frame);
  }

  function refuse() {
    if (isReady || !frame) return;
    const text = document.createElement("p");
    text.setAttribute("role", "alert");
    text.textContent = refused;
    panel.replaceChildren(text);
    frame = null;
  }

  if (given.target) {
    panel.className = "inline";
    box.className = "inline";
    host.style.cssText = "display:block;height:100%";
    box.append(panel);
    document.querySelector(given.target)?.append(host);
    load();
  } else {
    const button = document.createElement("button");
    button.type = "button";
    panel.className = "panel";
    panel.hidden = true;
    panel.setAttribute("role", "dialog");
    panel.setAttribute("aria-label", label);
    const show = (isOpen) => {
      panel.hidden = !isOpen;
      box.className = isOpen ? "open" : "";
      button.textContent = isOpen ? close : label;
      button.setAttribute("aria-expanded", String(isOpen));
      if (isOpen && !frame && !panel.firstChild) load();
      if (isOpen && isReady) frame.focus();
      if (!isOpen) button.focus();
    };
    button.addEventListener("click", () => show(panel.hidden));
    box.addEventListener("keydown", (event) => event.key === "Escape" && show(false));
    box.append(button, panel);
    show(false);
    const put = () => document.body.append(host);
    if (document.body) put();
    else addEventListener("DOMContentLoaded", put);
    addEventListener("message", (event) => {
      if (frame && event.source === frame.contentWindow && event.origin === origin && event.data === "tramontane:close") show(false);
    });
  }
  addEventListener("message", (event) => {
    if (!frame || event.source !== frame.contentWindow || event.origin !== origin) return;
    if (event.data !== "tramontane:ready") return;
    isReady = true;
    if (given.target) return;
    if (matchMedia("(max-width: 480px)").matches) frame.contentWindow.postMessage("tramontane:covers", origin);
    frame.focus();
  });
})();
