/** What is wrong with an e-mail address, in the reader's words. */

import { ApiError } from "$lib/api/client";
import { t } from "$lib/i18n/index.svelte";
import { problemOf } from "$lib/problem";

/** Returns an empty text unless `error` is about the field `email`. */
export function emailProblem(error: unknown): string {
  const isWrong = error instanceof ApiError && error.param === "email" && error.code === "invalid_value";
  return isWrong ? t("emailWrong") : problemOf(error, "email");
}
