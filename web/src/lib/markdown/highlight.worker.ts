/** highlight.js off the page's thread: text in, pieces with their kinds out. */

import hljs from "highlight.js/lib/common";
import type { Pieces } from "./highlight";

interface TreeNode {
  scope?: string;
  children: (TreeNode | string)[];
}

self.onmessage = ({ data }: MessageEvent<{ id: number; language: string; text: string }>) => {
  const { id, language, text } = data;
  let pieces: Pieces | null = null;
  if (hljs.getLanguage(language)) {
    try {
      const result = hljs.highlight(text, { language, ignoreIllegals: true });
      pieces = [];
      flatten((result as unknown as { _emitter: { rootNode: TreeNode } })._emitter.rootNode, "", pieces);
    } catch {
      pieces = null; // It stays as plain as it was.
    }
  }
  self.postMessage({ id, pieces });
};

function flatten(node: TreeNode, kind: string, into: Pieces): void {
  const own = node.scope ? `h-${node.scope.split(".", 1)[0]!.replace(/_+$/, "")}` : kind;
  for (const child of node.children) {
    if (typeof child !== "string") flatten(child, own, into);
    else if (into.length && into.at(-1)![1] === own) into.at(-1)![0] += child;
    else into.push([child, own]);
  }
}
