/** The playground's part of the API: one prompt to one model, its events, and votes. */

import { ApiError, request } from "./client";
import { EventParser } from "./feed";
import type { Failure } from "./types";

export interface PlayMessage {
  role: "system" | "user" | "assistant";
  content: string;
}

export interface PlayParameters {
  temperature?: number;
  top_p?: number;
  max_tokens?: number;
  seed?: number;
  frequency_penalty?: number;
  presence_penalty?: number;
  stop?: string[];
}

/** What is asked, of whichever model. */
export interface PlayRequest {
  messages: PlayMessage[];
  parameters: PlayParameters;
  tools: unknown[] | null;
  response_format: Record<string, unknown> | null;
}

export interface Whereabouts {
  request_id: string;
  deployment: string;
  provider: string | null;
  region: string | null;
  place: string | null;
}

export interface PlayEnd extends Whereabouts {
  first_token_ms: number | null;
  total_ms: number;
  prompt_tokens: number | null;
  completion_tokens: number | null;
  tokens_per_s: number | null;
  cost: string;
  cost_known: boolean;
  currency: string;
  finish_reason: string;
  /** Its engine slept when it was asked: both times hold that wait. */
  woken: boolean;
}

export interface ToolPiece {
  index: number;
  id: string | null;
  name: string | null;
  arguments: string;
}

export type PlayEvent =
  | { type: "queued"; data: { position: number; eta_s: number } }
  | { type: "opened"; data: Whereabouts }
  | { type: "delta"; data: { text?: string; reasoning?: string; tool_calls?: ToolPiece[] } }
  | { type: "end"; data: PlayEnd }
  | { type: "error"; data: Failure & { param: string | null } };

export interface Tally {
  model: string;
  comparisons: number;
  wins: number;
  ties: number;
  none_good: number;
}

/** Ask, and tell each event as it comes. Throws `ApiError`; "answer_cut_short" where it had no end. */
export async function askModel(
  projectId: string,
  model: string,
  asked: PlayRequest,
  signal: AbortSignal,
  tell: (event: PlayEvent) => void,
): Promise<void> {
  const body = {
    project_id: projectId,
    model,
    messages: asked.messages,
    parameters: asked.parameters,
    ...(asked.tools?.length ? { tools: asked.tools } : {}),
    ...(asked.response_format ? { response_format: asked.response_format } : {}),
  };
  const headers = { accept: "text/event-stream" };
  const response = await request("POST", "/playground/answers", body, { headers, signal });
  const parser = new EventParser();
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let hasEnded = false;
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) break;
      for (const event of parser.push(value) as unknown as PlayEvent[]) {
        if (event.type === "error") {
          const { code, message, param, retry_after_s } = event.data;
          throw new ApiError(502, code, message, param, retry_after_s, { error: event.data });
        }
        hasEnded ||= event.type === "end";
        tell(event);
      }
    }
  } catch (error) {
    if (error instanceof TypeError) throw new ApiError(0, "offline", "The server did not answer.");
    throw error;
  } finally {
    void reader.cancel().catch(() => {}); // what nobody reads on would keep its connection
  }
  if (!hasEnded) throw new ApiError(502, "answer_cut_short", "The answer broke off before its end.");
}
