// What OpenAI's own Node client does beside chat: responses, completions, embeddings, moderations.
// Reads BASE_URL, API_KEY and MODEL; prints one line of JSON per flow and exits 1 if one failed.

import assert from "node:assert/strict";
import OpenAI from "openai";
import { run } from "./run.mjs";

const { BASE_URL: baseURL, API_KEY: apiKey, MODEL: model } = process.env;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const tool = {
  type: "function",
  name: "get_weather",
  parameters: {
    type: "object",
    properties: { city: { type: "string" } },
    required: ["city"],
    additionalProperties: false,
  },
  strict: true,
};

const flows = {
  async response() {
    const answer = await client.responses.create({ model, input: "Grüße, 東京 😀" });
    assert.equal(answer.output_text, "Grüße, 東京 😀");
    assert.equal(answer.store, false);
    const { input_tokens, output_tokens, total_tokens } = answer.usage;
    assert.equal(input_tokens + output_tokens, total_tokens);
  },

  async response_streamed() {
    const runner = client.responses.stream({ model, input: "Hello there, you" });
    let text = "";
    runner.on("response.output_text.delta", (event) => (text += event.delta));
    const final = await runner.finalResponse();
    assert.equal(final.output_text, "Hello there, you");
    assert.equal(text, final.output_text);
  },

  async tool_streamed() {
    const asked = { model, input: "Paris", tools: [tool], tool_choice: "required" };
    const final = await client.responses.stream(asked).finalResponse();
    const [call] = final.output;
    assert.equal(call.type, "function_call");
    assert.deepEqual(Object.keys(JSON.parse(call.arguments)), ["city"]);
    const output = { type: "function_call_output", call_id: call.call_id, output: "sunny" };
    const input = [{ role: "user", content: "Paris?" }, call, output];
    const answer = await client.responses.create({ model, input, tools: [tool] });
    assert.equal(answer.output_text, "Paris?");
  },

  async response_breaks_off() {
    const input = "[[standin tokens=40 fault=reset_after:9]] x";
    const stream = await client.responses.create({ model, input, stream: true });
    const kinds = [];
    await assert.rejects(async () => {
      for await (const event of stream) kinds.push(event.type);
    });
    assert.ok(!kinds.includes("response.completed"));
  },

  async completion() {
    const asked = { model, prompt: "abcdef", max_tokens: 9 };
    const answer = await client.completions.create(asked);
    assert.equal(answer.choices[0].text, "abcdef");
    let text = "";
    const stream = await client.completions.create({ ...asked, stream: true });
    for await (const chunk of stream) text += chunk.choices[0].text;
    assert.equal(text, "abcdef");
  },

  async embeddings() {
    const asked = { model, input: ["a", "b"], dimensions: 8 };
    const packed = await client.embeddings.create(asked);
    const plain = await client.embeddings.create({ ...asked, encoding_format: "float" });
    assert.equal(packed.data[1].embedding.length, 8);
    packed.data[1].embedding.forEach((x, i) =>
      assert.ok(Math.abs(x - plain.data[1].embedding[i]) < 1e-6),
    );
  },

  async moderations() {
    const judged = await client.moderations.create({ model, input: ["peace", "violence"] });
    assert.deepEqual(
      judged.results.map((result) => result.flagged),
      [false, true],
    );
  },
};

await run(flows);
