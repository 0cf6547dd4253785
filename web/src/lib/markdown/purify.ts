/** The last gate before the page: only these elements and attributes pass, whatever was written. */

import DOMPurify, { type Config } from "dompurify";

const RULES: Config = {
  ALLOWED_TAGS: [
    "a", "blockquote", "br", "code", "del", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr",
    "li", "ol", "p", "pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
  ],
  ALLOWED_ATTR: ["class", "dir", "href", "rel", "start", "target"],
  ALLOWED_URI_REGEXP: /^(?:https?:\/\/|mailto:|\/docs(?:[/#?]|$))/i,
  // What is no address need not look like one.
  ADD_URI_SAFE_ATTR: ["dir", "rel", "start", "target"],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};

/** The nodes of `html` that may be shown. */
export function purified(html: string): DocumentFragment {
  return DOMPurify.sanitize(html, RULES) as unknown as DocumentFragment;
}
