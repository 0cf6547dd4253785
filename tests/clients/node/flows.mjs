// What users do with OpenAI's own Node client, against any address that a stand-in is behind.
// Reads BASE_URL, API_KEY and MODEL; prints one line of JSON per flow and exits 1 if one failed.

import assert from "node:assert/strict";
import OpenAI from "openai";
import { run } from "./run.mjs";

const { BASE_URL: baseURL, API_KEY: apiKey, MODEL: model } = process.env;
const made = (options = {}) => new OpenAI({ baseURL, apiKey, maxRetries: 0, ...options });
const client = made();
const says = (content) => [{ role: "user", content }];

const weather = {
  type: "function",
  function: {
    name: "get_weather",
    parameters: {
      type: "object",
      properties: { city: { type: "string" } },
      required: ["city"],
    },
  },
};

const flows = {
  async chat() {
    const answer = await client.chat.completions.create({ model, messages: says("Grüße 東京 😀") });
    assert.equal(answer.choices[0].message.content, "Grüße 東京 😀");
    assert.equal(answer.choices[0].finish_reason, "stop");
    const { prompt_tokens, completion_tokens, total_tokens } = answer.usage;
    assert.equal(prompt_tokens + completion_tokens, total_tokens);
  },

  async stream() {
    const chunks = await client.chat.completions.create({
      model,
      messages: says("[[standin tps=500]] Voilà, en morceaux 😀."),
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let usage = null;
    for await (const chunk of chunks) {
      text += chunk.choices[0]?.delta?.content ?? "";
      usage = chunk.usage ?? usage;
    }
    assert.equal(text, "Voilà, en morceaux 😀.");
    assert.equal(usage.completion_tokens, 7);
  },

  async tools() {
    const answer = await client.chat.completions.create({
      model,
      messages: says("[[standin tool=get_weather]] Roma"),
      tools: [weather],
    });
    const [call] = answer.choices[0].message.tool_calls;
    assert.equal(call.function.name, "get_weather");
    assert.deepEqual(JSON.parse(call.function.arguments), { city: "Roma" });
    assert.equal(answer.choices[0].finish_reason, "tool_calls");
  },

  async tools_streamed() {
    const runner = client.chat.completions.stream({
      model,
      messages: says("[[standin tool=get_weather]] Roma"),
      tools: [weather],
    });
    const answer = await runner.finalChatCompletion();
    const [call] = answer.choices[0].message.tool_calls;
    assert.deepEqual(JSON.parse(call.function.arguments), { city: "Roma" });
  },

  async structured() {
    const answer = await client.chat.completions.create({
      model,
      messages: says("Ann"),
      response_format: {
        type: "json_schema",
        json_schema: {
          name: "person",
          schema: { type: "object", properties: { name: { type: "string" } }, required: ["name"] },
        },
      },
    });
    assert.deepEqual(JSON.parse(answer.choices[0].message.content), { name: "Ann" });
  },

  async unknown_model() {
    const asked = client.chat.completions.create({ model: "no-such-model", messages: says("x") });
    await assert.rejects(asked, (error) => {
      assert.ok(error instanceof OpenAI.NotFoundError);
      assert.equal(error.code, "model_not_found");
      return true;
    });
  },

  async wrong_types() {
    const asked = client.chat.completions.create({
      model,
      messages: says("x"),
      temperature: "warm",
    });
    await assert.rejects(asked, (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.equal(error.param, "temperature");
      return true;
    });
  },

  async wrong_key() {
    const stranger = made({ apiKey: "sk-this-is-no-key" });
    const asked = stranger.chat.completions.create({ model, messages: says("x") });
    await assert.rejects(asked, OpenAI.AuthenticationError);
  },

  async timeout() {
    const hasty = made({ timeout: 500 });
    const asked = hasty.chat.completions.create({
      model,
      messages: says("[[standin ttft_ms=60000]] late"),
    });
    await assert.rejects(asked, OpenAI.APIConnectionTimeoutError);
  },

  async broken_stream() {
    const chunks = await client.chat.completions.create({
      model,
      messages: says("[[standin tokens=50 tps=500 fault=reset_after:10]] cut"),
      stream: true,
    });
    await assert.rejects(async () => {
      for await (const _ of chunks);
    });
  },

  async cancel() {
    const chunks = await client.chat.completions.create({
      model,
      messages: says("[[standin tokens=43211 tps=100]] go on"),
      max_tokens: 43211,
      stream: true,
    });
    let seen = 0;
    for await (const _ of chunks) {
      seen += 1;
      if (seen === 6) break;
    }
    assert.equal(seen, 6);
  },

  async fifty_at_once() {
    const converse = async (number) => {
      const text = `caller ${number} `.repeat(5);
      const chunks = await client.chat.completions.create({
        model,
        messages: says(`[[standin tps=400]] ${text}`),
        stream: true,
      });
      let streamed = "";
      for await (const chunk of chunks) streamed += chunk.choices[0]?.delta?.content ?? "";
      assert.equal(streamed, text);
    };
    await Promise.all(Array.from({ length: 50 }, (_, number) => converse(number)));
  },
};

await run(flows);
