/** What the figures of answers side by side say: who was first, fastest, cheapest. Pure. */

import { nano } from "$lib/pages/usage/spend";

export interface Taken {
  first_token_ms: number | null;
  /** Waking is inside `first_token_ms`: that says nothing of how fast it is. */
  woken: boolean;
  tokens_per_s: number | null;
  cost: string;
  cost_known: boolean;
}

export interface Findings {
  /** Places in the list; null where two are alike, or it cannot be said. */
  first: number | null;
  fastest: number | null;
  cheapest: number | null;
  /** Nobody took any money. */
  areFree: boolean;
}

/** Compare; places without figures (null) are passed over, and one alone is not compared. */
export function findings(all: (Taken | null)[]): Findings {
  const costs = all.map((one) => (one?.cost_known ? Number(nano(one.cost)) : null));
  const known = costs.filter((cost) => cost !== null);
  const areAllKnown = all.every((one) => one === null || one.cost_known);
  return {
    first: best(all.map((one) => (one?.woken ? null : (one?.first_token_ms ?? null))), -1),
    fastest: best(all.map((one) => one?.tokens_per_s ?? null), 1),
    // Where one cost is not known, nobody can be said to be the cheapest.
    cheapest: areAllKnown ? best(costs, -1) : null,
    areFree: areAllKnown && known.length > 1 && known.every((cost) => cost === 0),
  };
}

function best(values: (number | null)[], sign: 1 | -1): number | null {
  const known = values.filter((value) => value !== null);
  if (known.length < 2) return null;
  const top = sign > 0 ? Math.max(...known) : Math.min(...known);
  return known.filter((value) => value === top).length === 1 ? values.indexOf(top) : null;
}
