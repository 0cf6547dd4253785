/**
 * Mathematics in Markdown: `$…$` and `\(…\)` within a line, `$$…$$` and `\[…\]` as blocks. It only
 * finds it; the text inside is TeX, shown as it is until it is typeset.
 */

import type { MarkdownIt } from "markdown-it";

const LONGEST = 4000;
const FENCES: [open: string, close: string][] = [["$$", "$$"], ["\\[", "\\]"]];

/** A plug-in: adds `<span class="math">` and `<div class="math">`. */
export function mathematics(md: MarkdownIt): void {
  md.inline.ruler.before("escape", "math", (state, silent) => {
    const found = inline(state.src, state.pos, state.posMax);
    if (!found) return false;
    if (!silent) {
      const token = state.push(found.isBlock ? "math_display" : "math_inline", "span", 0);
      token.content = found.tex;
    }
    state.pos = found.end;
    return true;
  });

  md.block.ruler.before(
    "fence",
    "math_block",
    (state, startLine, endLine, silent) => {
      if (state.sCount[startLine]! - state.blkIndent >= 4) return false;
      const from = state.bMarks[startLine]! + state.tShift[startLine]!;
      const fence = FENCES.find(([open]) => state.src.startsWith(open, from));
      if (!fence) return false;
      const [open, close] = fence;
      const lines: string[] = [];
      for (let line = startLine; line < endLine; line++) {
        if (line > startLine && (state.isEmpty(line) || state.sCount[line]! < state.blkIndent)) return false;
        const begin = line === startLine ? from + open.length : state.bMarks[line]! + state.tShift[line]!;
        const text = state.src.slice(begin, state.eMarks[line]!);
        const end = text.indexOf(close);
        if (end >= 0) {
          if (text.slice(end + close.length).trim().replace(/^[.,;]$/, "")) return false;
          lines.push(text.slice(0, end));
          return add(line + 1, lines);
        }
        lines.push(text);
      }
      if (!(state.env as { isOpen?: boolean }).isOpen) return false;
      return add(endLine, lines, true);

      function add(next: number, content: string[], isPending = false): boolean {
        if (silent) return true;
        const token = state.push("math_block", "div", 0);
        token.content = content.join("\n").trim();
        token.map = [startLine, next];
        token.meta = { isPending };
        state.line = next;
        return true;
      }
    },
    { alt: ["paragraph", "reference", "blockquote", "list"] },
  );

  const escape = (text: string) => md.utils.escapeHtml(text);
  md.renderer.rules.math_inline = (tokens, at) => `<span class="math">${escape(tokens[at]!.content)}</span>`;
  md.renderer.rules.math_display = (tokens, at) => `<span class="math display">${escape(tokens[at]!.content)}</span>`;
  md.renderer.rules.math_block = (tokens, at) => {
    const { content, meta } = tokens[at]!;
    const kind = (meta as { isPending: boolean }).isPending ? "math display pending" : "math display";
    return `<div class="${kind}">${escape(content)}</div>\n`;
  };
}

interface Found {
  tex: string;
  end: number;
  isBlock: boolean;
}

function inline(text: string, at: number, max: number): Found | null {
  const limit = Math.min(max, at + LONGEST);
  for (const [open, close, isBlock] of [["\\(", "\\)", false], ["\\[", "\\]", true], ["$$", "$$", true]] as const) {
    if (!text.startsWith(open, at)) continue;
    const end = text.indexOf(close, at + open.length);
    if (end < 0 || end + close.length > limit) return null;
    const tex = text.slice(at + open.length, end).trim();
    return tex ? { tex, end: end + close.length, isBlock } : null;
  }
  // A dollar begins mathematics where it touches it, so that prices stay prices.
  if (text[at] !== "$" || /[\s$]/.test(text[at + 1] ?? " ")) return null;
  for (let end = at + 1; end < limit; end++) {
    const sign = text[end];
    if (sign === "\n") return null;
    if (sign === "\\") end += 1;
    else if (sign === "$") {
      if (/\s/.test(text[end - 1]!) || /[\d\p{L}]/u.test(text[end + 1] ?? "")) return null;
      return { tex: text.slice(at + 1, end), end: end + 1, isBlock: false };
    }
  }
  return null;
}
