/** The shapes of tables, their profiles, questions to them, and connections. */

import type { Cell, ColumnType, TableResult } from "./types";

export interface ColumnProfile {
  /** As SQL names it. */
  name: string;
  title: string;
  type: ColumnType;
  nulls: number;
  distinct: number;
  minimum: Cell;
  maximum: Cell;
  mean: number | null;
  median: number | null;
  /** The most frequent values with their counts. */
  top: [value: Cell, count: number][];
  histogram: { from: Cell; to: Cell; count: number }[];
  unit?: string | null;
}

export interface TableView {
  id: string;
  library_id: string | null;
  document_id: string | null;
  connection_id: string | null;
  name: string;
  title: string;
  /** Null where it was not counted. */
  row_count: number | null;
  columns: ColumnProfile[];
  notes: { code: string; message: string }[];
}

/** Some rows of a table, from `offset` on. */
export interface TableRows {
  columns: TableResult["columns"];
  rows: Cell[][];
  row_count: number | null;
}

export type ConnectionKind = "postgresql" | "mysql" | "sqlite";

export interface ConnectionView {
  id: string;
  project_id: string;
  name: string;
  kind: ConnectionKind;
  /** Where it is, without user and password; to administrators only. */
  url: string | null;
  /** How many are known of it. */
  tables: number;
  created_at: string;
}

export interface ConnectionTest {
  ok: boolean;
  message: string | null;
  tables: string[];
}

/** What a sample became: a conversation with it, and questions to begin with. */
export interface Sample {
  conversation_id: string;
  document_id: string;
  questions: string[];
}
