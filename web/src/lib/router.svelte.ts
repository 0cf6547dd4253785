/**
 * Hash routes: "#/c/ID/m/MID?tab=x". A route names a page in `src/pages`; a page that is not the
 * conversation is fetched when it is first visited.
 */

export interface Route {
  page: string;
  params: Record<string, string>;
  query: URLSearchParams;
  /** The path without "#", as typed. */
  path: string;
}

/** [pattern, page in src/pages, may be seen without signing in] */
const TABLE: [pattern: string, page: string, isPublic?: true][] = [
  ["/", "Conversation"],
  ["/c/:id", "Conversation"],
  ["/c/:id/m/:mid", "Conversation"],
  ["/a/:assistant", "Conversation"],
  ["/signin", "SignIn", true],
  ["/welcome/:token", "Welcome", true],
  ["/key", "Key", true],
  ["/shared/:token", "Shared"],
  ["/archive", "Archive"],
  ["/assistants", "Assistants"],
  ["/assistants/:id", "Assistants"],
  ["/prompts", "Prompts"],
  ["/prompts/:id", "Prompts"],
  ["/libraries", "Libraries"],
  ["/libraries/:id", "Library"],
  ["/tables/:id", "Table"],
  ["/connections", "Connections"],
  ["/catalogue", "Catalogue"],
  ["/catalogue/card", "ModelCard"],
  ["/catalogue/compare", "Compare"],
  ["/models", "Models"],
  ["/models/:name", "Models"],
  ["/playground", "Playground"],
  ["/published", "Published"],
  ["/published/:id", "Published"],
  ["/statements", "Statements"],
  ["/people", "People"],
  ["/usage", "Usage"],
  ["/engines", "Engines"],
  ["/independence", "Independence"],
  ["/settings", "Settings"],
  ["/settings/:section", "Settings"],
  ["/embeds", "Embeds"],
  ["/feedback", "Feedback"],
];

let route = $state.raw<Route>(read());
window.addEventListener("hashchange", () => (route = read()));

/** Where the reader is. */
export function currentRoute(): Route {
  return route;
}

/** Whether a page may be seen by somebody who has not signed in. */
export function isPublic(page: string): boolean {
  return TABLE.some(([, name, open]) => name === page && open);
}

/** Go to `path` ("/settings"). `replace`: without a step to come back to. */
export function go(path: string, replace = false): void {
  const hash = `#${path}`;
  if (location.hash === hash || (location.hash === "" && path === "/")) return;
  if (replace) history.replaceState(null, "", hash);
  else history.pushState(null, "", hash);
  route = read();
}

function read(): Route {
  const [path = "/", search = ""] = (location.hash.slice(1) || "/").split("?", 2);
  const query = new URLSearchParams(search);
  for (const [pattern, page] of TABLE) {
    const params = match(pattern, path);
    if (params) return { page, params, query, path };
  }
  return { page: "NotFound", params: {}, query, path };
}

function match(pattern: string, path: string): Record<string, string> | null {
  const wanted = pattern.split("/");
  const given = path.split("/");
  if (wanted.length !== given.length) return null;
  const params: Record<string, string> = {};
  for (const [at, part] of wanted.entries()) {
    const value = given[at]!;
    if (part.startsWith(":")) {
      if (!value) return null;
      try {
        params[part.slice(1)] = decodeURIComponent(value);
      } catch {
        return null;
      }
    } else if (part !== value) {
      return null;
    }
  }
  return params;
}
