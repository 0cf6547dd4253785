/** What is being written, kept in this browser until it is sent. One text per conversation. */

const PREFIX = "tramontane.draft.";
const LONGEST = 400_000;

export function readDraft(conversation: string | null): string {
  return localStorage.getItem(PREFIX + (conversation ?? "new")) ?? "";
}

export function keepDraft(conversation: string | null, text: string): void {
  const key = PREFIX + (conversation ?? "new");
  try {
    if (text.trim() && text.length <= LONGEST) localStorage.setItem(key, text);
    else localStorage.removeItem(key);
  } catch {
    // A full or forbidden store: the text is still in the page.
  }
}
