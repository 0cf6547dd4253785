// What users do with OpenAI's own Node client when a model that runs here answers.
// Reads BASE_URL, API_KEY and MODEL; prints one line of JSON per flow and exits 1 if one failed.

import assert from "node:assert/strict";
import OpenAI from "openai";
import { run } from "./run.mjs";

const { BASE_URL: baseURL, API_KEY: apiKey, MODEL: model } = process.env;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const messages = [{ role: "user", content: "Grüße aus 東京 😀" }];

const flows = {
  async chat() {
    const answer = await client.chat.completions.create({ model, messages, max_tokens: 12 });
    assert.equal(typeof answer.choices[0].message.content, "string");
    const { prompt_tokens, completion_tokens, total_tokens } = answer.usage;
    assert.equal(prompt_tokens + completion_tokens, total_tokens);
    assert.ok(answer._request_id);
  },

  async stream_equals_whole() {
    const asked = { model, messages, max_tokens: 24, temperature: 0 };
    const whole = await client.chat.completions.create(asked);
    const runner = client.chat.completions.stream({
      ...asked,
      stream_options: { include_usage: true },
    });
    const gathered = await runner.finalChatCompletion();
    assert.equal(gathered.choices[0].message.content, whole.choices[0].message.content);
    assert.equal(gathered.choices[0].finish_reason, whole.choices[0].finish_reason);
    assert.equal(gathered.usage.completion_tokens, whole.usage.completion_tokens);
  },

  async forced_tool() {
    const parameters = {
      type: "object",
      properties: { n: { type: "integer", minimum: 1, maximum: 9 } },
      required: ["n"],
    };
    const runner = client.chat.completions.stream({
      model,
      messages,
      tools: [{ type: "function", function: { name: "pick", parameters } }],
      tool_choice: "required",
    });
    const answer = await runner.finalChatCompletion();
    const [call] = answer.choices[0].message.tool_calls;
    assert.equal(call.function.name, "pick");
    assert.ok(JSON.parse(call.function.arguments).n >= 1);
  },

  async too_long() {
    const long = [{ role: "user", content: "word ".repeat(3000) }];
    await assert.rejects(client.chat.completions.create({ model, messages: long }), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.equal(error.code, "context_length_exceeded");
      assert.equal(error.param, "messages");
      return true;
    });
  },

  async cancel() {
    const chunks = await client.chat.completions.create({ model, messages, stream: true });
    for await (const _ of chunks) break;
    const next = await client.chat.completions.create({ model, messages, max_tokens: 1 });
    assert.equal(next.usage.completion_tokens, 1);
  },
};

await run(flows);
