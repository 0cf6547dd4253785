/** The shapes of the own API, as they travel. Moments are RFC 3339, money is a decimal string. */

export interface Member {
  id: string;
  email: string;
  name: string;
  is_admin: boolean;
  language: string;
  preferences: Preferences;
  created_at: string;
  disabled_at: string | null;
}

export interface Preferences {
  theme?: "system" | "light" | "dark";
  default_model?: string | null;
  default_project_id?: string | null;
  /** How numbers are written; absent: as the language does. */
  notation?: "1 234,5" | "1.234,5" | "1,234.5" | null;
  /** Whether the person has read, and closed, that this is an AI. */
  told_of_ai?: boolean;
  /** Whether shortcuts of one letter work; they do unless this is false. */
  single_keys?: boolean;
  [name: string]: unknown;
}

export interface Membership {
  id: string;
  name: string;
  role: "member" | "manager";
  key_id: string;
  closed_reason: string | null;
}

export interface Session {
  member: Member;
  projects: Membership[];
  version: string;
  platform: { is_loopback: boolean; has_capable_model: boolean };
}

export interface Summary {
  id: string;
  title: string | null;
  project_id: string;
  model: string;
  assistant_id: string | null;
  is_temporary: boolean;
  is_mine: boolean;
  owner_name: string;
  is_running: boolean;
  pinned_at: string | null;
  archived_at: string | null;
  shared_at: string | null;
  created_at: string;
  updated_at: string;
}

export interface Parameters {
  temperature?: number;
  top_p?: number;
  max_tokens?: number;
  [name: string]: unknown;
}

export interface Conversation extends Summary {
  instructions: string | null;
  parameters: Parameters | null;
  shown_message_id: string | null;
  messages: Message[];
  feed: string;
}

export type Status = "done" | "queued" | "running" | "stopped" | "failed" | "interrupted";

export interface Message {
  id: string;
  parent_id: string | null;
  role: "user" | "assistant";
  status: Status;
  parts: Part[];
  model: string | null;
  receipt: Receipt | null;
  error: Failure | null;
  rating: "up" | "down" | null;
  rating_reason: string | null;
  created_at: string;
  updated_at: string;
}

export type Part = TextPart | ReasoningPart | ToolPart;
export interface TextPart {
  type: "text";
  text: string;
}
export interface ReasoningPart {
  type: "reasoning";
  text: string;
}
export interface ToolPart {
  type: "tool";
  id: string;
  name: string;
  arguments: string;
  result: string | null;
  is_error: boolean;
}

export interface Failure {
  code: string;
  message: string;
  retry_after_s: number | null;
}

export interface Receipt {
  request_id: string;
  model: string;
  deployment: string;
  provider: string | null;
  /** "here", or the host that the request went to. */
  place: string;
  prompt_tokens: number;
  completion_tokens: number;
  cached_tokens: number;
  estimated: boolean;
  cost: string;
  currency: string;
  first_token_ms: number | null;
  total_ms: number | null;
}

export interface Model {
  name: string;
  kind: "guide" | "local" | "remote";
  is_capable: boolean;
  is_demonstration: boolean;
  state: string;
  message: string | null;
  place: string;
  languages: string[] | null;
  context_tokens: number | null;
  price: { input_per_mtok: string; output_per_mtok: string; currency: string };
  open_weights: boolean | null;
  supports_tools: boolean;
}

export interface Assistant {
  id: string;
  name: string;
  description: string;
  instructions: string;
  model: string | null;
  starters: string[];
  tools: string[];
  parameters: Parameters | null;
  project_id: string | null;
  is_shipped: boolean;
  language?: string | null;
  version: number;
}

export interface Prompt {
  id: string;
  title: string;
  body: string;
  project_id: string | null;
  version: number;
}

export interface Share {
  id: string;
  url?: string;
  created_at: string;
}

export interface Hit {
  conversation_id: string;
  title: string | null;
  message_id: string | null;
  role: "user" | "assistant" | null;
  created_at: string;
  snippet: { text: string; match: boolean }[];
}

/** What a conversation's feed tells. */
export type ChatEvent =
  | { type: "snapshot"; data: { conversation: Summary; messages: Message[] } }
  | { type: "message"; data: Message }
  | { type: "part"; data: { message_id: string; part: number; value: Part } }
  | { type: "delta"; data: { message_id: string; part: number; text: string } }
  | { type: "queued"; data: { message_id: string; position: number; eta_s: number } }
  | { type: "conversation"; data: Summary }
  | { type: "deleted"; data: { id: string } };
