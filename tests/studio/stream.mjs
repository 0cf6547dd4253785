// Reads one stream of server-sent events cut at every byte, and says what came of each cut.
// Usage: node stream.mjs FOLDER_OF_THE_MODULES < stream; answers with a JSON list of lists.

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { events } = await import(pathToFileURL(`${process.argv[2]}/stream.js`));
const bytes = readFileSync(0);

async function read(pieces) {
  const stream = new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
  const found = [];
  for await (const event of events(stream)) found.push(event);
  return found;
}

const results = [];
for (let cut = 0; cut <= bytes.length; cut++) {
  results.push(await read([bytes.subarray(0, cut), bytes.subarray(cut)]));
}
results.push(await read([...bytes].map((byte) => Uint8Array.of(byte))));
console.log(JSON.stringify(results));
