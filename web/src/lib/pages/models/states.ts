/** What the states of models and parts are called, and which of the four meanings each has. */

import type { ProviderTest } from "$lib/api/operating";
import { t, type Key } from "$lib/i18n/index.svelte";

const PROBLEMS: Record<string, Key> = {
  unreachable: "probeUnreachable",
  tls: "probeTls",
  timeout: "probeTimeout",
  redirect: "probeRedirect",
  key_refused: "probeKeyRefused",
  no_list: "probeNoList",
  not_found: "probeNotFound",
  refused: "probeRefused",
  protocol: "probeProtocol",
};

/** What came of asking a provider for its models, as a sentence. */
export function probeSentence(test: ProviderTest): string {
  return test.ok ? t("providerAnswers", { count: test.models.length }) : t(PROBLEMS[test.problem ?? ""] ?? "providerFails");
}

const STATES: Record<string, { words: Key; meaning: string }> = {
  ready: { words: "stateReady", meaning: "proven" },
  asleep: { words: "stateAsleep", meaning: "" },
  unprobed: { words: "stateUnprobed", meaning: "" },
  starting: { words: "stateStarting", meaning: "waiting" },
  loading: { words: "stateStarting", meaning: "waiting" },
  restarting: { words: "stateRestarting", meaning: "estimated" },
  backing_off: { words: "stateRestarting", meaning: "estimated" },
  stopping: { words: "stateStopped", meaning: "estimated" },
  failed: { words: "stateFailed", meaning: "refused" },
  stopped: { words: "stateStopped", meaning: "refused" },
};

/** The word for `state`; the state itself where we have none. */
export function stateWord(state: string): string {
  const found = STATES[state];
  return found ? t(found.words) : state;
}

/** Its meaning: "proven", "waiting", "estimated", "refused" or none. */
export function stateMeaning(state: string): string {
  return STATES[state]?.meaning ?? "";
}
