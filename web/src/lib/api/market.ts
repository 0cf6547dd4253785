/** The shapes of models that projects offer to one another, and of what they owe for them. */

import type { Price } from "./operating";

export type OfferState = "offered" | "withdrawn" | "deployment_gone";

export interface OfferPrice extends Price {
  cached_input_per_mtok: string;
  request: string;
}

/** The fields of a card that these pages write; others are kept as they are. */
export type OfferCard = Record<string, unknown>;

export interface Subscription {
  project_id: string;
  project: string;
  version: number;
  accepted_at: string;
  /** Told to its own project only. */
  accepted_by: string | null;
  ended_at: string | null;
}

export interface Publication {
  id: string;
  name: string;
  project_id: string;
  publisher: string;
  /** Told to the publisher and to operators. */
  deployment: string | null;
  /** Told to the publisher and to operators: it is everybody's, by its own name and at its own price. */
  is_shared: boolean | null;
  version: number;
  card: OfferCard;
  terms: string;
  price: OfferPrice;
  /** Null: every project. */
  audience: string[] | null;
  state: OfferState;
  is_own: boolean;
  /** Told to the publisher and to operators: what serves it now costs more than the price. */
  is_below_cost: boolean | null;
  subscriptions: Subscription[];
  created_at: string;
  changed_at: string;
  withdrawn_at: string | null;
}

export interface Subscriptions {
  live: number;
  data: Subscription[];
}

interface StatementLine {
  publication: string;
  name: string;
  version: number;
  requests: number;
  prompt_tokens: number;
  completion_tokens: number;
  cached_tokens: number;
  digest: string;
}

export interface BoughtLine extends StatementLine {
  publisher_id: string;
  publisher: string;
  cost: string;
}

export interface SoldLine extends StatementLine {
  buyer_id: string;
  buyer: string;
  income: string;
  serving_cost: string;
}

export interface Statement {
  project_id: string;
  project: string;
  month: string;
  currency: string;
  bought: BoughtLine[];
  sold: SoldLine[];
  totals: { bought: string; sold: string; serving_cost: string };
  /** No more can come to it. */
  is_final: boolean;
  digest: string;
}
