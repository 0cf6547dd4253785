/** What matters about a model, in the reader's words. */

import type { Model, Receipt } from "$lib/api/types";
import { money } from "$lib/format.svelte";
import { currentLanguage, t } from "$lib/i18n/index.svelte";

/** Whether using `model` costs nothing. */
export function isFree(model: Model): boolean {
  return model.price.known && Number(model.price.input_per_mtok) === 0 && Number(model.price.output_per_mtok) === 0;
}

/** One line: where it runs, how much it reads, what it costs, open or not. */
export function factLine(model: Model): string {
  if (model.kind === "guide") return [t("factGuide"), t("factHere"), t("factFree")].join(" · ");
  const facts = [model.place === "here" ? t("factHere") : t("factAt", { host: model.place })];
  if (model.is_demonstration) facts.unshift(t("factDemonstration"));
  if (model.publisher) facts.unshift(t("factPublished", { publisher: model.publisher }));
  facts.push(model.context_tokens ? t("factContext", { count: model.context_tokens }) : t("factContextUnknown"));
  facts.push(priceLine(model));
  if (model.open_weights !== null) facts.push(t(model.open_weights ? "factOpen" : "factClosed"));
  if (model.languages?.length) facts.push(languageNames(model.languages));
  return facts.join(" · ");
}

export function priceLine(model: Model): string {
  if (!model.price.known) return t("costUnknown");
  if (isFree(model)) return t("factFree");
  const { input_per_mtok: input, output_per_mtok: output, currency } = model.price;
  return t("factPrice", { input: money(input, currency), output: money(output, currency) });
}

/** "Français, Deutsch": language tags as the reader's language names them. */
export function languageNames(tags: string[]): string {
  const names = new Intl.DisplayNames(currentLanguage(), { type: "language", fallback: "code" });
  return tags
    .map((tag) => {
      try {
        return names.of(tag) ?? tag;
      } catch {
        return tag;
      }
    })
    .join(", ");
}

/** What stands under an answer: where it ran, its tokens, its cost. */
export function receiptLine(receipt: Receipt): string {
  const place = receipt.place === "here" ? t("receiptHere") : t("receiptAt", { host: receipt.place });
  const count = receipt.prompt_tokens + receipt.completion_tokens;
  if (count === 0) return [receipt.model, place].join(" · ");
  const tokens = t("tokens", { count });
  return [receipt.model, place, tokens, receiptCost(receipt)].join(" · ");
}

/** What an answer cost: "free" is said only where somebody has said so. */
export function receiptCost(receipt: Receipt): string {
  if (!receipt.cost_known) return t("costUnknown");
  return Number(receipt.cost) === 0 ? t("costFree") : money(receipt.cost, receipt.currency);
}

/** What reading `tokens` costs with `model`, or "free". */
export function costOf(model: Model, tokens: number): string {
  if (!model.price.known) return t("costUnknown");
  const amount = (Number(model.price.input_per_mtok) * tokens) / 1e6;
  return amount === 0 ? t("costFree") : t("costAbout", { cost: money(amount, model.price.currency) });
}

