/** The shapes of the pages beside the conversation: people, prompts, providers, keys, budgets, usage. */

import type { Member, Parameters } from "./types";

export interface List<T> {
  data: T[];
}

export interface LinkCheck {
  purpose: "first_admin" | "invitation" | "password_reset";
  email: string | null;
  project_name: string | null;
  /** The project that who uses it makes, and what that can spend. */
  new_project: string | null;
  prepaid: string | null;
  /** What the new project may use; null: every model. */
  allowed_models: string[] | null;
  currency: string;
  expires_at: string;
}

export interface Person extends Omit<Member, "preferences"> {
  last_seen_at: string | null;
  projects: { id: string; name: string; role: Role }[];
}
export type Role = "member" | "manager";

export interface Invitation {
  id: string;
  email: string | null;
  project_id: string | null;
  project_name: string | null;
  role: Role;
  is_admin: boolean;
  is_expired: boolean;
  new_project: string | null;
  prepaid: string | null;
  /** What the new project may use; null: every model. */
  allowed_models: string[] | null;
  expires_at: string;
  created_at: string;
  /** In the answer that makes it, and never again. */
  url?: string;
}

export interface SignedIn {
  id: string;
  user_agent: string;
  created_at: string;
  seen_at: string;
  expires_at: string;
  is_this_one: boolean;
}

export interface Project {
  id: string;
  name: string;
  state?: string;
}

export interface Budget {
  id: string;
  project_id: string;
  project: string;
  key_id: string | null;
  key: string | null;
  window: "day" | "month" | "total";
  limit: string;
  spent: string;
  left: string;
  currency: string;
  resets_at: string | null;
  /** What will have been spent when it begins anew, and when it will be spent if that comes first: at the pace since `basis_since`. */
  forecast: string | null;
  exhausted_at: string | null;
  basis: string | null;
  basis_since: string | null;
}

/** What was paid into a project, and what is left of it. */
export interface Prepaid {
  project_id: string;
  project: string;
  currency: string;
  limit: string | null;
  spent: string;
  left: string | null;
  data: { id: string; amount: string; reference: string | null; recorded_by: string | null; created_at: string }[];
}

export interface KeyView {
  id: string;
  project_id: string;
  /** Whose place in the project it is; such a key has no secret. */
  member_id: string | null;
  name: string;
  prefix: string;
  state: "active" | "expired" | "revoked";
  rights: string[];
  /** Limits of its own, within its project's. */
  requests_per_minute: number | null;
  tokens_per_minute: number | null;
  expires_at: string | null;
  created_at: string;
}

export interface UsageLine {
  day?: string;
  project_id?: string;
  project?: string;
  key_id?: string;
  key?: string;
  member_id?: string;
  member?: string;
  /** Who used it, where it is by member. */
  user?: "person" | "program" | "colleagues";
  model?: string;
  deployment?: string;
  provider?: string;
  region?: string;
  requests: number;
  estimated_requests: number;
  unpriced_requests: number;
  prompt_tokens: number;
  completion_tokens: number;
  cached_tokens: number;
  cost: string;
}

export interface UsageReport {
  currency: string;
  since: string | null;
  until: string | null;
  data: UsageLine[];
  total: UsageLine;
}

export interface Deployment {
  name: string;
  models: string[];
  engine: string;
  origin: string | null;
  upstream_model: string | null;
  model: string | null;
  state: string;
  state_since: string | null;
  message: string;
  price: Price;
  context_tokens: number | null;
  max_output_tokens: number | null;
  demonstration: boolean;
  /** Where it is set up; those of the store can be removed. */
  source: "built_in" | "file" | "store";
  /** Whose own it is; null: the platform's. */
  project_id: string | null;
}

export interface Price {
  known: boolean;
  input_per_mtok: string;
  output_per_mtok: string;
  currency: string;
}

export interface Provider {
  name: string;
  title: string;
  url: string;
  needs_key: boolean;
}

export interface ProviderKind {
  name: string;
  title: string;
  dialect: string;
  /** Null: each account has its own, like `url_example`. */
  url: string | null;
  url_example: string | null;
  regions: { name: string; title: string; url: string | null; jurisdiction: string | null }[];
  default_region: string | null;
  needs_region: boolean;
  needs_key: boolean;
  key_hint: string;
  trains_on_inputs: boolean | null;
}

export interface Account {
  name: string;
  kind: string;
  title: string;
  dialect: string;
  url: string;
  region: string | null;
  jurisdiction: string | null;
  no_training: boolean | null;
  source: "file" | "store";
  problem: string | null;
  deployments: string[];
}

export interface ProviderList {
  data: Provider[];
  allows_loopback: boolean;
  kinds: ProviderKind[];
  accounts: Account[];
}

export interface ProviderTest {
  ok: boolean;
  problem: string | null;
  message: string;
  models: string[];
  first_token_ms: number | null;
}

export interface Embed {
  id: string;
  assistant_id: string;
  project_id: string;
  title: string;
  allowed_origins: string[];
  snippet: string;
  created_at: string;
}

export interface ImportReport {
  conversations: number;
  messages: number;
  skipped: { title: string; reason: string }[];
}

export interface AssistantSettings {
  name: string;
  description: string;
  instructions: string;
  model: string | null;
  starters: string[];
  tools: string[];
  parameters: Parameters;
  project_id: string | null;
}

export interface PromptView {
  id: string;
  project_id: string | null;
  title: string;
  body: string;
  variables: string[];
  version: number;
  is_mine: boolean;
  owner_name: string;
  may_delete: boolean;
  created_at: string;
  updated_at: string;
}

export interface AssistantView extends AssistantSettings {
  id: string;
  is_shipped: boolean;
  language: string | null;
  version: number;
  is_mine: boolean;
  owner_name: string | null;
  may_edit: boolean;
  updated_at: string | null;
}

export interface Status {
  version: string;
  currency: string;
  key: {
    name: string;
    prefix: string;
    rights: string[];
    project_id: string;
    project: string;
    closed_reason: string | null;
    expires_at: string | null;
  } | null;
  deployments: {
    name: string;
    models: string[];
    engine: string;
    state: string;
    message: string;
    price: Price;
    context_tokens: number | null;
    demonstration: boolean;
  }[];
}

export interface Bill {
  request_id: string;
  project_id: string;
  model: string;
  currency: string;
  prompt_tokens: number;
  completion_tokens: number;
  cached_tokens: number;
  cost: string;
  cost_known: boolean;
  estimated: boolean;
  attempts: { attempt: number; deployment: string; started_at: string; settled_at: string; cost: string; estimated: boolean; status: string }[];
}

export interface Feedback {
  message_id: string;
  conversation_id: string;
  project: string;
  model: string | null;
  rating: "up" | "down";
  reason: string | null;
  answered_at: string;
}
