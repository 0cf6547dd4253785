/** Why a model has not answered, in the reader's words, by the code that the gateway gave. */

import type { ApiError } from "$lib/api/client";
import type { Failure } from "$lib/api/types";
import { money } from "$lib/format.svelte";
import { t } from "$lib/i18n/index.svelte";

type Ended = Pick<Failure, "code" | "may_cost" | "left" | "currency">;

/**
 * Why a question was not accepted, and whether a shorter conversation would help. `detail` is what
 * the server says, in English, where `problem` does not say that.
 */
export interface Refusal {
  problem: string;
  detail: string;
  canTrim: boolean;
}

/** What refused a question before it was kept. */
export function refusal(error: ApiError): Refusal {
  const isLong = error.code === "context_length_exceeded";
  const canTrim = isLong && error.param === "trim";
  const explained = explanation(error, isLong && !canTrim);
  return { problem: explained ?? error.message, detail: explained ? error.message : "", canTrim };
}

/**
 * A sentence for what ended an answer; null where there is none, and the gateway's own says most.
 * `isAlone`: no earlier message could be left out.
 */
export function explanation({ code, may_cost: cost, left, currency }: Ended, isAlone = false): string | null {
  if (code === "insufficient_quota" && cost && currency && Number(left) > 0) return t("failedCostly", { cost: money(cost, currency), left: money(left!, currency) });
  if (code === "insufficient_quota") return t("failedBudget");
  if (code === "overloaded" || code.endsWith("rate_limited") || code.endsWith("_exceeded") && code !== "context_length_exceeded") return t("failedBusy");
  if (code === "taken_away") return t("failedDrill");
  if (code.startsWith("policy_")) return t("failedPolicy");
  if (code === "terms_not_accepted") return t("failedTerms");
  if (code === "publication_withdrawn" || code === "publication_unserved") return t("failedUnserved");
  if (code === "context_length_exceeded") return t(isAlone ? "failedLongAlone" : "failedLong");
  if (code === "model_not_found" || code === "model_not_allowed") return t("failedGone");
  if (code === "access_ended" || code.includes("api_key")) return t("failedKey");
  if (code.startsWith("upstream") || code === "circuit_open" || code === "answer_cut_short") return t("failedUpstream");
  return null;
}
