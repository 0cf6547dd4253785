/**
 * Markdown as models write it, to HTML one top-level block at a time. Pure text in, text out; it
 * knows nothing of the DOM. Raw HTML is text here, pictures are links, and what it yields is
 * sanitised all the same before anybody sees it.
 */

import MarkdownIt, { type Token } from "markdown-it";
import { mathematics } from "./mathematics";

/** Definitions of links (`[1]: https://…`), which may stand after their use. */
export interface Known {
  references: Record<string, { title: string; href: string }>;
}

/** One top-level block. Code is kept apart: it becomes text in the page, never HTML. */
export interface Block {
  /** Line of the source that it begins at. */
  line: number;
  html: string;
  code: { language: string; text: string } | null;
}

const SAFE_LINK = /^(?:https?:\/\/|mailto:|\/docs(?:[/#?]|$))/i;

const md = new MarkdownIt({ html: false, linkify: true, breaks: true, typographer: false, maxNesting: 40 });
md.linkify.set({ fuzzyLink: false, fuzzyEmail: false, fuzzyIP: false });
md.validateLink = (url: string) => SAFE_LINK.test(url.trim());
md.use(mathematics);

md.core.ruler.push("directions", (state) => {
  for (const token of state.tokens) {
    if (token.level === 0 && token.nesting === 1 && token.type !== "fence") token.attrSet("dir", "auto");
    // The policy of the page permits no style attributes.
    const align = /text-align:(\w+)/.exec(String(token.attrGet("style") ?? ""));
    if (align) {
      token.attrs = (token.attrs ?? []).filter(([name]) => name !== "style");
      token.attrJoin("class", `align-${align[1]!}`);
    }
  }
});

md.renderer.rules.link_open = (tokens, at, options, _env, self) => {
  const token = tokens[at]!;
  token.attrSet("target", "_blank");
  token.attrSet("rel", "noopener noreferrer nofollow");
  return self.renderToken(tokens, at, options);
};

md.renderer.rules.image = (tokens, at) => {
  const token = tokens[at]!;
  const source = String(token.attrGet("src") ?? "");
  const words = md.utils.escapeHtml(token.content);
  const isRemote = /^https?:\/\//i.test(source);
  if (!isRemote || isInsideLink(tokens, at)) return `<span class="picture">${words}</span>`;
  const href = md.utils.escapeHtml(source);
  return `<a class="picture" href="${href}" target="_blank" rel="noopener noreferrer nofollow">${words}</a>`;
};

function isInsideLink(tokens: Token[], at: number): boolean {
  let depth = 0;
  for (let n = 0; n < at; n++) {
    if (tokens[n]!.type === "link_open") depth += 1;
    else if (tokens[n]!.type === "link_close") depth -= 1;
  }
  return depth > 0;
}

/** Line ends as the parser counts them. A prefix of a text stays a prefix. */
export function normal(text: string): string {
  return text.includes("\r") ? text.replace(/\r\n?/g, "\n") : text;
}

/**
 * The top-level blocks of `source`. `known` is read and added to. `isOpen`: the text goes on, so
 * that mathematics without an end is taken for such.
 */
export function blocks(source: string, known: Known, isOpen = false): Block[] {
  const env = { ...known, isOpen };
  const tokens = md.parse(source, env);
  known.references = env.references ?? {};
  const found: Block[] = [];
  for (let at = 0; at < tokens.length; at++) {
    const first = tokens[at]!;
    let end = at;
    if (first.nesting === 1) while (!(tokens[end]!.level === 0 && tokens[end]!.nesting === -1)) end += 1;
    const line = first.map?.[0] ?? 0;
    if (first.type === "fence" || first.type === "code_block") {
      const language = first.info.trim().split(/\s+/, 1)[0] ?? "";
      found.push({ line, html: "", code: { language, text: first.content.replace(/\n$/, "") } });
    } else {
      const html = md.renderer.render(tokens.slice(at, end + 1), md.options, env);
      found.push({ line, html, code: null });
    }
    at = end;
  }
  return found;
}

/**
 * The end of a text that still grows, with what was begun ended: `**bold` is bold while it is
 * written, and half a link shows its words only. Changes nothing but the last paragraph.
 */
export function healed(source: string): string {
  const start = source.lastIndexOf("\n\n") + 1;
  const tail = source.slice(start);
  if (/^ {0,3}(?:```|~~~)/m.test(tail) || tail.length > 4000) return source;
  let text = tail;
  const link = /\[([^\]\n]*)(?:\]\([^)\s]*)?$/.exec(text);
  if (link && !text.endsWith("]") && !/^\s*\[[ xX]?$/.test(link[0])) {
    text = text.slice(0, link.index).replace(/!$/, "") + (link[1] ?? "");
  }
  const bare = text.replace(/`[^`\n]*`/g, "").replace(/\$[^$\n]*\$/g, "");
  if ((bare.match(/`/g)?.length ?? 0) % 2 === 1) return source.slice(0, start) + text + "`";
  const trimmed = text.replace(/(?<=\s|^)[*_~]{1,3}$/, "");
  if (trimmed !== text) return source.slice(0, start) + trimmed;
  for (const mark of ["**", "~~", "__"]) {
    const count = bare.split(mark).length - 1;
    if (count % 2 === 1 && !/\s$/.test(text)) text = text.endsWith(mark[0]!) ? text + mark[0] : text + mark;
  }
  return source.slice(0, start) + text;
}
