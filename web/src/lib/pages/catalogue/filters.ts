/**
 * What is asked of the catalogue, as it stands in the page's address: the names are the API's own,
 * so that the address, the command and the API call say the same. It knows nothing of how they look.
 */

/** Of several values of one facet any may hold; of several facets all must. */
export const FACETS = ["openness", "language", "ability", "kind", "licence", "publisher", "provider", "jurisdiction", "modality", "offered"] as const;
export type Facet = (typeof FACETS)[number];

export const BOUNDS = ["min_context", "max_context", "min_parameters", "max_parameters", "max_price"] as const;
export type Bound = (typeof BOUNDS)[number];

export const SORTS = ["best", "price", "context", "size", "newest", "name"] as const;
export type Sort = (typeof SORTS)[number];

export const PAGE = 50;

/** How many tokens of each sort a price is of; as given in the address. */
export interface Mix {
  input: string;
  output: string;
  cached: string;
}

/** Usual mixes: read, written, and read again from the provider's cache. */
export const MIXES = {
  chat: { input: "3", output: "1", cached: "0" },
  documents: { input: "20", output: "1", cached: "0" },
  agents: { input: "10", output: "1", cached: "30" },
  writing: { input: "1", output: "3", cached: "0" },
} as const satisfies Record<string, Mix>;
export type MixName = keyof typeof MIXES;

/** Facets that are lists of ticks; `offered` is three switches of its own. */
export const LISTED = FACETS.filter((facet) => facet !== "offered");

const KNOWN = ["q", ...FACETS, ...BOUNDS, "fits", "price_in", "price_out", "price_cached", "sort"] as const;

/** What of an address's `query` is a question to the catalogue, in one order; a default is left out. */
export function clean(query: URLSearchParams): URLSearchParams {
  const found = new URLSearchParams();
  for (const name of KNOWN) {
    for (const value of name === "openness" ? query.getAll(name).flatMap(grades) : query.getAll(name)) {
      if (value.trim() && !(name === "sort" && value === "best")) found.append(name, value);
    }
  }
  return found;
}

/** "open" stands for both grades that are. */
function grades(value: string): string[] {
  return value === "open" ? ["open_source", "open_weights"] : [value];
}

/** `query` with `value` among the values of `facet`, or no longer. */
export function toggled(query: URLSearchParams, facet: Facet, value: string): URLSearchParams {
  const next = new URLSearchParams(query);
  const values = next.getAll(facet);
  next.delete(facet);
  const rest = values.filter((each) => each !== value);
  for (const each of rest.length === values.length ? [...values, value] : rest) next.append(facet, each);
  return clean(next);
}

/** `query` with these set; null or "" takes one out. */
export function changed(query: URLSearchParams, changes: Record<string, string | null>): URLSearchParams {
  const next = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value) next.set(name, value);
    else next.delete(name);
  }
  return clean(next);
}

/** `query` without any filter; the order and the mix stay. */
export function cleared(query: URLSearchParams): URLSearchParams {
  const next = new URLSearchParams();
  for (const name of ["price_in", "price_out", "price_cached", "sort"]) {
    const value = query.get(name);
    if (value) next.set(name, value);
  }
  return next;
}

/** One choice that can be taken back. */
export interface Choice {
  name: Facet | Bound | "fits" | "q";
  value: string;
}

/** What has been chosen, in the order of the page. */
export function choices(query: URLSearchParams): Choice[] {
  const names = ["q", "fits", ...FACETS, ...BOUNDS] as const;
  return names.flatMap((name) => query.getAll(name).filter(Boolean).map((value) => ({ name, value })));
}

/** `query` without one choice. */
export function without(query: URLSearchParams, { name, value }: Choice): URLSearchParams {
  if ((FACETS as readonly string[]).includes(name)) return toggled(query, name as Facet, value);
  return changed(query, { [name]: null });
}

/** The parts of a mix as the API names them. */
export function mixQuery(mix: Mix): URLSearchParams {
  return new URLSearchParams({ price_in: mix.input, price_out: mix.output, price_cached: mix.cached });
}

/** The address of a model's card, its prices at `mix`. */
export function cardAddress(id: string, mix: Mix): string {
  const next = new URLSearchParams({ id });
  for (const [name, value] of Object.entries(mixChanges(mix))) if (value) next.set(name, value);
  return `#/catalogue/card?${next.toString()}`;
}

/** The parts of a mix in the order of the command's `--mix`: "3 : 1", or "10 : 1 : 30" with what is read from a cache. */
export function mixParts({ input, output, cached }: Mix): string {
  return (Number(cached) ? [input, output, cached] : [input, output]).join(" : ");
}

/** The mix that prices are of: three read for one written unless the address says otherwise. */
export function mixOf(query: URLSearchParams): Mix {
  return {
    input: query.get("price_in") ?? MIXES.chat.input,
    output: query.get("price_out") ?? MIXES.chat.output,
    cached: query.get("price_cached") ?? "0",
  };
}

/** What to put into the address for `mix`; nothing for the usual one. */
export function mixChanges(mix: Mix): Record<string, string | null> {
  const isUsual = mix.input === MIXES.chat.input && mix.output === MIXES.chat.output && !Number(mix.cached);
  return {
    price_in: isUsual ? null : mix.input,
    price_out: isUsual ? null : mix.output,
    price_cached: Number(mix.cached) ? mix.cached : null,
  };
}

/** The usual mix that this is; null: one's own. */
export function mixName(mix: Mix): MixName | null {
  const names = Object.keys(MIXES) as MixName[];
  return names.find((name) => (["input", "output", "cached"] as const).every((part) => Number(MIXES[name][part]) === Number(mix[part]))) ?? null;
}

/** A number that somebody typed, with a comma or a point; null where it is none, or below zero. */
export function typed(text: string): number | null {
  const value = Number(text.trim().replace(",", "."));
  return text.trim() && Number.isFinite(value) && value >= 0 ? value : null;
}

/** The command that finds the same. */
export function command(query: URLSearchParams): string {
  const words = ["tramontane catalog search"];
  const text = query.get("q");
  if (text) words.push(quoted(text));
  for (const [name, value] of clean(query)) {
    if (name === "q" || name.startsWith("price_")) continue;
    const option = `--${name.replaceAll("_", "-")}`;
    words.push(name === "fits" ? option : `${option} ${quoted(value)}`);
  }
  return [...words, ...mixOption(mixOf(query))].join(" ");
}

/** The command that compares `ids`. */
export function compareCommand(ids: string[], mix: Mix): string {
  return ["tramontane catalog compare", ...ids.map(quoted), ...mixOption(mix)].join(" ");
}

/** The command that shows a model. */
export function showCommand(id: string, mix: Mix): string {
  return ["tramontane catalog show", quoted(id), ...mixOption(mix)].join(" ");
}

/** The option that says a mix; none for the usual one. */
function mixOption(mix: Mix): string[] {
  if (mixName(mix) === "chat") return [];
  return [`--mix ${[mix.input, mix.output, ...(Number(mix.cached) ? [mix.cached] : [])].join(":")}`];
}

/** A word of a shell's line, in quotes where it needs them. */
export function quoted(word: string): string {
  return /^[\w.,:/@%+=-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
