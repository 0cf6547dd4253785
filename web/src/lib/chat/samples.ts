/** The samples that ship: a conversation with one in it, and the questions to begin it with. */

import { api } from "$lib/api/client";
import type { Sample } from "$lib/api/tables";
import { currentLanguage } from "$lib/i18n/index.svelte";

export type SampleKind = "report" | "table";

const KEY = "tramontane.start.";

/** Begin a conversation with a sample in the reader's language; returns its id. Throws ApiError. */
export async function begin(sample: SampleKind, projectId: string): Promise<string> {
  const body = { sample, project_id: projectId, language: currentLanguage() };
  const made = await api.post<Sample>("/samples", body);
  sessionStorage.setItem(KEY + made.conversation_id, JSON.stringify({ sample, questions: made.questions }));
  return made.conversation_id;
}

/** What a conversation that began with a sample offers; null where it is none, or is no longer known. */
export function begunWith(conversationId: string): { sample: SampleKind; questions: string[] } | null {
  const kept = sessionStorage.getItem(KEY + conversationId);
  return kept ? (JSON.parse(kept) as { sample: SampleKind; questions: string[] }) : null;
}
