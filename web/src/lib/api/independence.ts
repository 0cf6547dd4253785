/** The shapes of independence, drills, and accounts with providers. */

export type Dimension = "provider" | "host" | "owner" | "seat" | "chip" | "jurisdiction";
export type Outcome = "stands" | "falls_back" | "unsure" | "lost";

export interface Share {
  /** Null: nobody has said who. */
  name: string | null;
  requests: number;
  tokens: number;
  cost: string;
  tokens_share: number;
  cost_share: number;
}

export interface Concentration {
  hhi_least: number;
  hhi_most: number;
  largest: string | null;
  largest_share: number;
  unknown_share: number;
}

export interface Spread {
  dimension: Dimension;
  shares: Share[];
  by_tokens: Concentration | null;
  by_cost: Concentration | null;
}

export type DeploymentFacts = { name: string; sources: Source[] } & Record<Dimension, string | null>;

export interface Source {
  facts: Dimension[];
  url: string;
  read: string;
  note: string;
}

export interface Loss {
  dimension: Dimension;
  name: string;
  outcome: Outcome;
  left: string[];
}

export interface Survival {
  model: string;
  /** How often it was asked for in this time. */
  requests: number;
  deployments: string[];
  fallbacks: string[];
  losses: Loss[];
}

export interface Independence {
  currency: string;
  since: string | null;
  until: string | null;
  requests: number;
  tokens: number;
  cost: string;
  spreads: Spread[];
  deployments: DeploymentFacts[];
  models: Survival[];
}

export interface Figures {
  since: string;
  until: string;
  requests: number;
  answered: number;
  failed: number;
  refused: number;
  left: number;
  answered_share: number | null;
  first_token_p50_ms: number | null;
  first_token_p95_ms: number | null;
  total_p50_ms: number | null;
  total_p95_ms: number | null;
  prompt_tokens: number;
  completion_tokens: number;
  cost: string;
  by_deployment: Record<string, number>;
}

export interface DrillReport {
  currency: string;
  taken: string[];
  before: Figures;
  during: Figures;
  expected_to_stand: Figures;
  recovery_ms: number | null;
  models: { model: string; expected: Outcome; before: Figures; during: Figures; recovery_ms: number | null }[];
}

export interface Drill {
  id: string;
  without: string;
  dimension: Dimension;
  name: string;
  started_at: string;
  ends_at: string;
  ended_at: string | null;
  left_s: number;
  started_by: string;
  report: DrillReport | null;
}
