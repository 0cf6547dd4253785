// What OpenAI's own Node client makes of a stream that has to wait for its turn.
// Reads BASE_URL, API_KEY and MODEL, which serves one request at a time; prints a line per flow.

import assert from "node:assert/strict";
import OpenAI from "openai";
import { run } from "./run.mjs";

const { BASE_URL: baseURL, API_KEY: apiKey, MODEL: model } = process.env;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const says = (content) => [{ role: "user", content }];

async function busy(tokens) {
  const messages = says(`[[standin tokens=${tokens} tps=50]] go on`);
  const chunks = await client.chat.completions.create({ model, stream: true, messages });
  const reader = chunks[Symbol.asyncIterator]();
  await reader.next();
  return { chunks, rest: (async () => { while (!(await reader.next()).done); })() };
}

const flows = {
  async waits_and_is_answered() {
    const { rest } = await busy(160);
    const runner = client.chat.completions.stream({ model, messages: says("after you") });
    assert.equal((await runner.finalChatCompletion()).choices[0].message.content, "after you");
    await rest;
  },

  async waits_in_vain() {
    const { chunks, rest } = await busy(900);
    const waiting = await client.chat.completions.create({
      model,
      stream: true,
      messages: says("and me?"),
    });
    await assert.rejects(
      (async () => { for await (const _ of waiting) assert.fail("there is no answer"); })(),
      (error) => error instanceof OpenAI.APIError && error.code === "overloaded",
    );
    chunks.controller.abort();
    await rest.catch(() => undefined);
  },
};

await run(flows);
