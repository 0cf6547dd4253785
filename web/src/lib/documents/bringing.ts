/** Files and folders out of what was dropped, pasted or picked. */

import type { Brought } from "./attachments.svelte";

const NOT_MEANT = /(^|\/)(\.[^/]*|Thumbs\.db|desktop\.ini|__MACOSX(\/.*)?)$/i;
const LONG_TEXT = 8000;

/** Whether something with files in it is over the page. */
export function hasFiles(event: DragEvent): boolean {
  return event.dataTransfer?.types.includes("Files") ?? false;
}

/** What was picked in a file dialog, a folder with its structure. */
export function picked(files: Iterable<File>): Brought[] {
  return [...files].map((file) => ({ name: file.webkitRelativePath || file.name, file })).filter(isMeant);
}

/** What was dropped, folders with all that is in them. Must be called while the event is handled. */
export async function dropped(data: DataTransfer): Promise<Brought[]> {
  const entries = [...data.items].flatMap((item) => (item.kind === "file" ? [item.webkitGetAsEntry()] : []));
  if (!entries.length || entries.some((entry) => entry === null)) return picked(data.files);
  const found = await Promise.all(entries.map((entry) => inside(entry!)));
  return found.flat().filter(isMeant);
}

/** What was pasted: files, or a text so long that it is rather a document. */
export function pasted(data: DataTransfer, nameOfText: string): Brought[] {
  if (data.files.length) return picked(data.files);
  const text = data.getData("text/plain");
  if (text.length < LONG_TEXT) return [];
  return [{ name: nameOfText, file: new File([text], nameOfText, { type: "text/plain" }) }];
}

async function inside(entry: FileSystemEntry): Promise<Brought[]> {
  const name = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ name, file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: Brought[] = [];
  for (;;) {
    // A folder is told in pieces, until an empty one.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    for (const one of some) found.push(...(await inside(one)));
  }
}

function isMeant({ name }: Brought): boolean {
  return !NOT_MEANT.test(name);
}
