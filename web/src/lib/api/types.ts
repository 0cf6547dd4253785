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
  /** The libraries that its answers may read, beside the documents attached to it. */
  library_ids: string[];
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

export type Part = TextPart | ReasoningPart | ToolPart | FilesPart | SourcesPart | ResultPart | ChecksPart | ProgressPart;
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

/** What a question brings along: its documents as they were when it was sent. */
export interface FilesPart {
  type: "files";
  files: FileReference[];
}
export interface FileReference {
  document_id: string;
  name: string;
  kind: DocumentKind | null;
  size_bytes: number;
}
/** The passages that a model was shown; `searched` is how many there are in all. */
export interface SourcesPart {
  type: "sources";
  sources: Source[];
  searched: number;
}
export interface Source {
  /** It is cited as `[number]`. */
  number: number;
  document_id: string;
  document: string;
  passage: number;
  page: number;
  label: PageLabel;
  heading: string;
}
/** What a question to tables gave; `id` is that of the tool's call. */
export interface ResultPart extends TableResult {
  type: "result";
  id: string;
  title: string;
  tables: string[];
  sql: string;
  /** Whether a person changed the SQL afterwards. */
  is_edited: boolean;
}
/** Rows of a table; `chart` is Vega-Lite without its data. */
export interface TableResult {
  columns: ResultColumn[];
  rows: Cell[][];
  row_count: number;
  is_truncated: boolean;
  took_ms: number;
  chart: Record<string, unknown> | null;
}
export type Cell = string | number | boolean | null;
export type ColumnType = "number" | "text" | "date" | "moment" | "truth";
export interface ResultColumn {
  name: string;
  type: ColumnType;
}
/** What the platform found when it compared an answer with its sources and results. */
export interface ChecksPart {
  type: "checks";
  checks: Check[];
}
/** About `text`, which stands in part `part` from character `start` (code points) on. */
export interface Check {
  part: number;
  start: number;
  text: string;
  kind: "quote" | "citation" | "number";
  verdict: "proven" | "calculated" | "asked" | "unproven";
  /** The source's number, and where in that passage (code points) a proven quote stands. */
  source: number | null;
  at: [start: number, end: number] | null;
  /** Id of the result, row and column (from 0) that a proven number stands in. */
  cell: [result: string, row: number, column: number] | null;
}
/** How far long work has come. */
export interface ProgressPart {
  type: "progress";
  step: "reading" | "joining";
  done: number;
  total: number;
}

export interface Failure {
  code: string;
  message: string;
  retry_after_s: number | null;
  /** Of a budget that was too small for it, as decimals of `currency`. */
  may_cost?: string | null;
  left?: string | null;
  currency?: string | null;
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
  /** What the provider was asked for. */
  version: string | null;
  region: string | null;
  cost_known: boolean;
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
  price: { known: boolean; input_per_mtok: string; output_per_mtok: string; currency: string };
  open_weights: boolean | null;
  supports_tools: boolean;
  /** The project that offers it, and on which terms; null: the platform's own. */
  publisher: string | null;
  publication_id: string | null;
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

export type DocumentKind =
  | "pdf" | "docx" | "pptx" | "xlsx" | "ods" | "odt" | "html" | "md" | "txt"
  | "csv" | "tsv" | "json" | "parquet" | "sqlite" | "eml";
/** What `page` counts. */
export type PageLabel = "page" | "slide" | "sheet" | "part";

export interface Library {
  id: string;
  project_id: string;
  /** Set where it is a conversation's own. */
  conversation_id: string | null;
  name: string;
  description: string;
  is_mine: boolean;
  /** Fill it, rename it. */
  may_change: boolean;
  may_delete: boolean;
  documents: number;
  size_bytes: number;
  created_at: string;
  updated_at: string;
}

export interface Document {
  id: string;
  library_id: string;
  /** With its folders: "report/annex.pdf". */
  name: string;
  /** Null until it is known. */
  kind: DocumentKind | null;
  label: PageLabel;
  size_bytes: number;
  sha256: string;
  status: "queued" | "reading" | "ready" | "failed";
  pages: number | null;
  pages_done: number;
  language: string | null;
  title: string | null;
  version: number;
  versions: number;
  problem: { code: string; message: string } | null;
  notes: DocumentNote[];
  tables: { id: string; name: string; title: string }[];
  /** Whether these bytes were there already when they were sent. */
  is_duplicate: boolean;
  may_delete: boolean;
  created_at: string;
  updated_at: string;
}
export interface DocumentNote {
  code: string;
  message: string;
  pages: number[];
}

/** A passage with the rectangles (shares of the page, origin top left) of what was asked for. */
export interface PassageView {
  number: number;
  page: number;
  kind: "text" | "heading" | "table" | "list";
  heading: string;
  text: string;
  language: string | null;
  rectangles: Rectangle[];
}
export type Rectangle = [x0: number, y0: number, x1: number, y1: number];

export interface PageView {
  page: number;
  pages: number;
  label: PageLabel;
  passages: PassageView[];
}

export interface PassageHit {
  document_id: string;
  document: string;
  passage: number;
  page: number;
  label: PageLabel;
  heading: string;
  snippet: { text: string; match: boolean }[];
  score: number;
}
export interface PassageHits {
  data: PassageHit[];
  took_ms: number;
  searched: number;
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
