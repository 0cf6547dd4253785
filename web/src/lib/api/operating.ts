/** The shapes of the pages beside the conversation: people, prompts, providers, keys, budgets, usage. */

import type { Member, Parameters } from "./types";

export interface List<T> {
  data: T[];
}

export interface LinkCheck {
  purpose: "first_admin" | "invitation" | "password_reset";
  email: string | null;
  project_name: string | null;
  expires_at: string;
}

export interface Person extends Member {
  projects: { id: string; name: string; role: Role }[];
}
export type Role = "member" | "manager";

export interface Invitation {
  id: string;
  email: string | null;
  project_id: string | null;
  project_name?: string | null;
  role: Role;
  is_admin: boolean;
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
  is_current: boolean;
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
}

export interface KeyView {
  id: string;
  project_id: string;
  name: string;
  prefix: string;
  state: "active" | "expired" | "revoked";
  rights: string[];
  expires_at: string | null;
  created_at: string;
}

export interface UsageLine {
  day?: string;
  project_id?: string;
  project?: string;
  key_id?: string;
  key?: string;
  model?: string;
  deployment?: string;
  requests: number;
  estimated_requests: number;
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
  /** Whether it was added in the page, and can be removed there. */
  is_removable?: boolean;
}

export interface Price {
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

export interface ProviderTest {
  ok: boolean;
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
