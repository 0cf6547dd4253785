/** What is being tried, kept in this tab: a reload loses nothing. It is the member's, nobody else's. */

const KEY = "tramontane.playground";

export interface Kept {
  system: string;
  user: string;
  parameters: Record<string, string>;
  tools: string;
  form: "text" | "json_object" | "json_schema";
  schema: string;
  isBlind: boolean;
}

/** What `memberId` was trying; null where nothing is kept, or somebody else's. */
export function recall(memberId: string): Partial<Kept> | null {
  try {
    const found = JSON.parse(sessionStorage.getItem(KEY) ?? "null") as { member: string; kept: Partial<Kept> } | null;
    return found?.member === memberId ? found.kept : null;
  } catch {
    return null;
  }
}

export function keep(memberId: string, kept: Kept): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ member: memberId, kept }));
  } catch {
    // A full or forbidden store: it is still in the page.
  }
}
