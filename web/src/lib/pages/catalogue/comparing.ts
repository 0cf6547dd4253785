/** Lists of models side by side. Pure. */

export interface Item {
  text: string;
  /** Every model that says something has it. */
  isShared: boolean;
}

/**
 * What the list at `at` of `values` holds: first what is `wanted`, then what not every model has, then
 * what all have; in each in its own order. Values that are no lists are left out of account.
 */
export function listed(values: unknown[], at: number, wanted: string[]): Item[] {
  const lists = values.filter((value): value is unknown[] => Array.isArray(value));
  const items = (values[at] as unknown[]).map((item) => ({ text: String(item), isShared: lists.every((list) => list.includes(item)) }));
  const rank = ({ text, isShared }: Item) => (wanted.includes(text) ? 0 : isShared ? 2 : 1);
  return items.sort((one, two) => rank(one) - rank(two));
}
