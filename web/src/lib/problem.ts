/** What went wrong in the reader's words: what happened, and what to do. The server's own words are English. */

import { ApiError } from "./api/client";
import { duration } from "./format.svelte";
import { t, type Key } from "./i18n/index.svelte";

const WORDS: Record<string, Key> = {
  offline: "problemOffline",
  invalid_credentials: "problemCredentials",
  https_required: "problemInsecure",
  link_unusable: "linkUnusable",
  people_only: "problemPeopleOnly",
  managers_only: "problemForbidden",
  cross_site: "problemCrossSite",
  right_missing: "problemForbidden",
  payload_too_large: "problemTooLarge",
  // Fetching a model, which only pages do that have the catalogue's words.
  hub_unreachable: "hubUnreachable",
  hub_gated: "hubGated",
  hub_key_refused: "hubKeyRefused",
  hub_repository_missing: "hubRepositoryMissing",
  hub_file_missing: "hubFileMissing",
  hub_failed: "hubFailed",
  not_a_hub: "hubNone",
  hub_redirect_refused: "hubRedirect",
  licence_not_read: "hubLicence",
  invalid_source: "hubSource",
};
/** Only of what has been fetched: elsewhere the server's sentence says more. */
const ENDED: Record<string, Key> = {
  hub_hash_missing: "hubNoHash",
  hash_mismatch: "hubCorrupt",
  invalid_model_file: "hubFileBad",
  disk_full: "hubDiskFull",
  library_unwritable: "hubFolder",
  does_not_fit: "hubTooLarge",
};
const BY_STATUS: Record<number, Key> = { 403: "problemForbidden", 404: "problemGone", 413: "problemTooLarge" };

/** Returns a sentence. Where we have none of our own it is the server's, which names what to change. */
export function problem(error: unknown): string {
  if (!(error instanceof ApiError)) return t("problemOurs");
  if (error.retryAfterS !== null && (error.status === 429 || error.code === "slow_down")) {
    return t("problemSlowDown", { time: duration(error.retryAfterS) });
  }
  const known = WORDS[error.code] ?? (error.param === null ? BY_STATUS[error.status] : undefined);
  if (known) return t(known);
  return error.status >= 500 ? t("problemServer") : said(error);
}

/** What ended something that went on without us, by its code; where we have no words of our own, the server's. */
export function ended({ code, message }: { code: string; message: string }): string {
  const known = ENDED[code] ?? WORDS[code];
  return known ? t(known) : message;
}

/** The server's sentence without the name that a field has for programs. */
function said({ message, param }: ApiError): string {
  const rest = param !== null && message.startsWith(`${param}: `) ? message.slice(param.length + 2) : message;
  return rest.charAt(0).toUpperCase() + rest.slice(1);
}

/** Whether `error` says that the reader may not see or do this. */
export function isForbidden(error: unknown): boolean {
  return error instanceof ApiError && error.status === 403;
}

/** Whether `error` says that no answer came. */
export function isOffline(error: unknown): boolean {
  return error instanceof ApiError && error.isOffline;
}

/** What is wrong with the field `name`; empty unless `error` is about it. */
export function problemOf(error: unknown, ...names: string[]): string {
  return error instanceof ApiError && error.param !== null && names.includes(error.param) ? problem(error) : "";
}
