/** The shapes of what runs just now. */

export interface Machine {
  cores: number;
  load_1m: number;
  memory_total_bytes: number | null;
  memory_available_bytes: number | null;
}

export interface Engine {
  deployment: string;
  engine: string;
  model: string | null;
  /** Its card in the catalogue. */
  card_id: string | null;
  state: string;
  message: string;
  since: string | null;
  resident_bytes: number | null;
  slots: number | null;
  in_flight: number | null;
  waiting: number | null;
  eta_s: number | null;
  tokens_per_s: number | null;
  requests_last_minute: number | null;
  last_used_at: string | null;
  scale_to_zero_after_s: number | null;
  cold_start_s: number | null;
  provider: string | null;
  region: string | null;
  is_local: boolean;
}

/** `machine` is null to whoever does not operate it, as is what tells how much others ask. */
export interface Engines {
  machine: Machine | null;
  data: Engine[];
}
