/** From a table to a conversation about it. */

import { api } from "$lib/api/client";
import type { TableView } from "$lib/api/tables";
import type { Library } from "$lib/api/types";
import { go } from "$lib/router.svelte";

/** Go to the conversation that `table` was brought into, else to a new one that asks it. Throws ApiError. */
export async function askAbout(table: TableView): Promise<void> {
  const library = table.library_id ? await api.get<Library>(`/libraries/${table.library_id}`) : null;
  if (library?.conversation_id) go(`/c/${library.conversation_id}`);
  else go(`/?library=${encodeURIComponent(table.library_id ?? table.connection_id ?? "")}`);
}
