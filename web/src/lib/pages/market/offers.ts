/** What of a publication people read: its state in words, its price, what its card says. */

import { ApiError } from "$lib/api/client";
import type { OfferCard, OfferPrice, Publication } from "$lib/api/market";
import type { Deployment } from "$lib/api/operating";
import type { Membership } from "$lib/api/types";
import { languageNames } from "$lib/chat/facts";
import { money, number } from "$lib/format.svelte";
import { t, type Key } from "$lib/i18n/index.svelte";
import { problem } from "$lib/problem";
import { session } from "$lib/session.svelte";

/** The projects for which the reader may accept and publish. */
export function managed(): Membership[] {
  const mine = session.current?.projects ?? [];
  return session.isAdmin ? mine : mine.filter(({ role }) => role === "manager");
}

/** What a publication of `projectId` is served by unless its publisher says otherwise: its own before everybody's. */
export function preselected(usable: Deployment[], projectId: string): string {
  return (usable.find(({ project_id: owner }) => owner === projectId) ?? usable[0])?.name ?? "";
}

export function stateWord(offer: Publication): Key {
  if (offer.state === "withdrawn") return "mktWithdrawn";
  return offer.state === "deployment_gone" ? "mktUnserved" : "mktServed";
}

export function stateLook(offer: Publication): string {
  if (offer.state === "withdrawn") return "";
  return offer.state === "deployment_gone" ? "refused" : "proven";
}

/** "0.20 € read, 0.60 € written", per million tokens, with what each request costs. */
export function priceText(price: OfferPrice): string {
  if (!price.known) return t("costUnknown");
  const said = t("mktPriceOf", {
    input: money(price.input_per_mtok, price.currency),
    output: money(price.output_per_mtok, price.currency),
  });
  return Number(price.request) ? `${said} ${t("mktPriceRequest", { amount: money(price.request, price.currency) })}` : said;
}

/** A field of the card as a text: lists by commas, numbers as the reader writes them. */
export function said(card: OfferCard, field: string): string {
  const value = card[field];
  if (value === undefined || value === null || value === "") return "";
  if (Array.isArray(value)) return field === "languages" ? languageNames(value.map(String)) : value.join(", ");
  if (typeof value === "boolean") return t(value ? "mktYes" : "mktNo");
  return typeof value === "number" ? number(value) : String(value);
}

/** A field of the card as it is written: what `said` tells, for who changes it. */
export function asWritten(card: OfferCard, field: string): string {
  const value = card[field];
  return Array.isArray(value) ? value.join(" ") : typeof value === "string" ? value : "";
}

const REFUSALS: Record<string, Key> = {
  publication_withdrawn: "mktWithdrawnMeanwhile",
  own_publication: "mktOwnAlready",
  version_outdated: "mktOutdated",
};

/** Why a publication could not be accepted, changed or ended. */
export function refusal(error: unknown): string {
  const known = error instanceof ApiError ? REFUSALS[error.code] : undefined;
  return known ? t(known) : problem(error);
}

/** The reader's projects that have accepted it. */
export function acceptedBy(offer: Publication): string {
  const mine = new Set((session.current?.projects ?? []).map(({ id }) => id));
  return offer.subscriptions.filter(({ project_id }) => mine.has(project_id)).map(({ project }) => project).join(", ");
}
