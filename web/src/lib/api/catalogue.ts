/** The shapes of the catalogue and of what is deployed from it, and how they are asked for. */

import { api } from "./client";

export type Openness = "open_source" | "open_weights" | "restricted_weights" | "closed" | "unknown";
export type Fit = "yes" | "tight" | "no" | "unknown";

/** Amounts are decimal texts per million tokens in `currency`. */
export interface MixedPrice {
  amount: string;
  currency: string;
  provider: string;
  provider_title: string;
  jurisdiction: string | null;
  date: string;
}

export interface Summary {
  id: string;
  name: string;
  publisher: string | null;
  openness: Openness;
  licence: string | null;
  kind: string | null;
  parameters: number | null;
  active_parameters: number | null;
  context_tokens: number | null;
  languages: string[];
  abilities: string[];
  input_modalities: string[];
  released_on: string | null;
  price: MixedPrice | null;
  offers: number;
  providers: string[];
  fits: Fit;
  needed_bytes: number | null;
  here: string[];
  missing_ai_act: number;
  own: boolean;
}

export interface FacetValue {
  value: string;
  count: number;
  title?: string | null;
}

export interface Found {
  total: number;
  took_ms: number;
  rule: string;
  currency: string;
  /** Currencies whose prices are compared as they stand: nobody has said what they are worth. */
  unconverted: string[];
  mix: { input: number; output: number; cached: number };
  data: Summary[];
  facets: Record<string, FacetValue[]>;
  /** How many more match but for a fact that no source says, by facet that was asked for. */
  unknown: Record<string, number>;
  /** Values that were asked for and that no card has, with those spelt nearly so. */
  unmatched: { facet: string; value: string; nearest: string[] }[];
}

export interface Claimed {
  value: unknown;
  source: string;
  record: string;
  date: string | null;
}

export interface Fact extends Claimed {
  conflicts: Claimed[];
  /** The ids of the sources that say the same. */
  agreeing: string[];
}

export interface CardFile {
  uri: string;
  source: string;
  sha256: string | null;
  size_bytes: number | null;
  quantisation: string | null;
  fits: Fit;
  needed_bytes: number | null;
}

export interface Offer {
  provider: string;
  provider_title: string;
  model: string;
  source: string;
  record: string;
  date: string;
  /** The kind of account that it can be deployed through; null: none. "compatible" at `url`. */
  kind: string | null;
  url: string | null;
  host: string | null;
  region: string | null;
  jurisdiction: string | null;
  currency: string;
  input_per_mtok: string | null;
  output_per_mtok: string | null;
  cached_input_per_mtok: string | null;
  per_request: string | null;
  context_tokens: number | null;
  max_output_tokens: number | null;
  /** At the mix asked for; null where a price is not said. */
  price: { amount: string; currency: string } | null;
  /** With prompts above so many tokens all of them cost this. */
  long_prices: { above_tokens: number; price: { amount: string; currency: string } | null }[];
}

export interface Card {
  id: string;
  name: string;
  fits: Fit;
  needed_bytes: number | null;
  openness: Openness;
  openness_why: Record<"weights" | "data" | "code" | "paper", boolean | null>;
  aliases: string[];
  fields: Record<string, Fact>;
  ai_act: { field: string; known: boolean }[];
  files: CardFile[];
  offers: Offer[];
  here: { deployment: string; state: string }[];
  publications: { id: string; name: string }[];
  own: boolean;
  /** What is known of the licence; null where nobody has named one. */
  licence_terms: Terms | null;
}

/** `is_free` null: only the licence's name is known. `forbids`: uses that need another agreement. */
export interface Terms {
  id: string;
  title: string;
  url: string | null;
  is_free: boolean | null;
  forbids: string[];
  limits: string;
}

export interface ComparedRow {
  field: string;
  values: unknown[];
  best: number[] | null;
  /** Not all that are known are the same. */
  differs: boolean;
}

export interface Comparison {
  models: Card[];
  currency: string;
  rows: ComparedRow[];
  prices: (MixedPrice | null)[];
}

export interface CatalogueSource {
  id: string;
  title: string;
  version: string;
  date: string;
  licence: string;
}

export interface Sources {
  data: CatalogueSource[];
  built_on: string;
  cards: number;
  offers: number;
}

export type PullStatus = "queued" | "fetching" | "verifying" | "done" | "failed" | "cancelled";

export interface Pull {
  id: string;
  source: string;
  /** Where a repository has moved, it and the file by the name of now. */
  resolved: string | null;
  /** What the file is called in the library. */
  name: string;
  status: PullStatus;
  bytes_done: number;
  bytes_total: number | null;
  bytes_per_s: number | null;
  eta_s: number | null;
  revision: string | null;
  sha256: string | null;
  problem: { code: string; message: string } | null;
  deployment: string | null;
  created_at: string;
  updated_at: string;
}

export interface HubFile {
  file: string;
  size_bytes: number;
  sha256: string | null;
  quantisation: string | null;
  fits: Fit;
  needed_bytes: number;
  parts: number;
}

export interface HubFiles {
  repository: string;
  revision: string;
  gated: boolean;
  files: HubFile[];
  /** What is taken where no file is named. */
  proposed: string | null;
  /** Null where the system does not say. */
  memory: { total_bytes: number | null; available_bytes: number | null };
}

/** How many models stand side by side at the most. */
export const COMPARED_MOST = 6;

/** What `query` (facets, `sort`, `limit` …) finds. */
export function findModels(query: URLSearchParams, signal?: AbortSignal): Promise<Found> {
  return api.get<Found>(`/catalog/models${asked(query)}`, {}, signal);
}

/** All that is known of a model, priced at the mix in `query`. */
export function readCard(id: string, query = new URLSearchParams()): Promise<Card> {
  return api.get<Card>(`/catalog/models/${path(id)}${asked(query)}`);
}

/** Two to six models row by row. */
export function compareModels(query: URLSearchParams, signal?: AbortSignal): Promise<Comparison> {
  return api.get<Comparison>(`/catalog/compare${asked(query)}`, {}, signal);
}

/** A card's id as part of an address: its slash stays one. */
export function path(id: string): string {
  return id.split("/").map(encodeURIComponent).join("/");
}

function asked(query: URLSearchParams): string {
  const text = query.toString();
  return text ? `?${text}` : "";
}
