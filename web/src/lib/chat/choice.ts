/** Which model is chosen for somebody who has chosen none. */

import type { Model } from "$lib/api/types";

/**
 * The preferred model, else of the capable ones that are up the cheapest (input and output of a
 * million tokens added, ties by name; a price that nobody has stated comes last, one that sleeps
 * after those that do not), else the guide. For `documents` (tables, libraries) the preferred one
 * must be capable: one that cannot hold a passage beside a question answers nonsense.
 */
export function chosenFrom(models: Model[], preferred: string | null | undefined, documents = false): Model | null {
  const usable = models.filter((model) => !isBroken(model));
  const capable = usable.filter((model) => model.is_capable).sort(byReadiness);
  return (
    (documents ? capable : usable).find((model) => model.name === preferred) ??
    capable.find(isUp) ??
    capable[0] ??
    usable.find((model) => model.kind === "guide") ??
    usable[0] ??
    models[0] ??
    null
  );
}

function byReadiness(a: Model, b: Model): number {
  return Number(a.state === "asleep") - Number(b.state === "asleep") || byPrice(a, b);
}

function byPrice(a: Model, b: Model): number {
  const [first, second] = [priceOf(a), priceOf(b)];
  return first === second ? (a.name < b.name ? -1 : 1) : first - second;
}

function priceOf({ price }: Model): number {
  return price.known ? Number(price.input_per_mtok) + Number(price.output_per_mtok) : Infinity;
}

/** Whether it answers when it is asked: one that sleeps is woken, one elsewhere is tried. */
function isUp(model: Model): boolean {
  return ["ready", "asleep", "unprobed"].includes(model.state);
}

function isBroken(model: Model): boolean {
  return model.state === "failed" || model.state === "gone";
}
