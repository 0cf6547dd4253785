/**
 * The same request as code, for each client that people use. Pure. What a client's API has no word for
 * is left out and named in a comment; the key is never in it.
 */

import type { PlayRequest } from "$lib/api/playground";

export const CLIENTS = ["curl", "openai · Python", "openai · Node", "mistralai", "anthropic", "ollama"] as const;
export type Client = (typeof CLIENTS)[number];

/** Anthropic's API wants a limit; where none is set it is this one. */
export const ANTHROPIC_TOKENS = 1024;

type Fields = Record<string, unknown>;

/** Code that puts `asked` to `model` at the platform on `origin`. */
export function snippet(client: Client, origin: string, model: string, asked: PlayRequest): string {
  switch (client) {
    case "curl":
      return curl(origin, openai(model, asked));
    case "openai · Python":
      return openaiPython(origin, openai(model, asked));
    case "openai · Node":
      return openaiNode(origin, openai(model, asked));
    case "mistralai":
      return mistral(origin, model, asked);
    case "anthropic":
      return anthropic(origin, model, asked);
    case "ollama":
      return ollama(origin, model, asked);
  }
}

function openai(model: string, asked: PlayRequest): Fields {
  return {
    model,
    messages: asked.messages,
    ...asked.parameters,
    ...(asked.tools?.length ? { tools: asked.tools } : {}),
    ...(asked.response_format ? { response_format: asked.response_format } : {}),
  };
}

function curl(origin: string, fields: Fields): string {
  const body = JSON.stringify(fields, null, 2).replaceAll("'", `'\\''`);
  return [
    `curl ${origin}/v1/chat/completions \\`,
    `  -H "Authorization: Bearer $TRAMONTANE_KEY" \\`,
    `  -H "Content-Type: application/json" \\`,
    `  -d '${body}'`,
  ].join("\n");
}

function openaiPython(origin: string, fields: Fields): string {
  return [
    "import os",
    "from openai import OpenAI",
    "",
    `client = OpenAI(base_url="${origin}/v1", api_key=os.environ["TRAMONTANE_KEY"])`,
    `answer = client.chat.completions.create(`,
    ...keywords(fields),
    ")",
    fields.tools ? "print(answer.choices[0].message)" : "print(answer.choices[0].message.content)",
  ].join("\n");
}

function openaiNode(origin: string, fields: Fields): string {
  return [
    'import OpenAI from "openai";',
    "",
    `const client = new OpenAI({ baseURL: "${origin}/v1", apiKey: process.env.TRAMONTANE_KEY });`,
    `const answer = await client.chat.completions.create(${JSON.stringify(fields, null, 2)});`,
    fields.tools ? "console.log(answer.choices[0].message);" : "console.log(answer.choices[0].message.content);",
  ].join("\n");
}

function mistral(origin: string, model: string, asked: PlayRequest): string {
  const { seed, ...parameters } = asked.parameters;
  const fields = openai(model, { ...asked, parameters });
  if (seed !== undefined) fields.random_seed = seed;
  return [
    "import os",
    "from mistralai.client import Mistral",
    "",
    `client = Mistral(server_url="${origin}/mistral", api_key=os.environ["TRAMONTANE_KEY"])`,
    "answer = client.chat.complete(",
    ...keywords(fields),
    ")",
    asked.tools?.length ? "print(answer.choices[0].message)" : "print(answer.choices[0].message.content)",
  ].join("\n");
}

function anthropic(origin: string, model: string, asked: PlayRequest): string {
  const { temperature, top_p, max_tokens, stop, ...others } = asked.parameters;
  const schema = schemaOf(asked.response_format);
  const system = asked.messages.filter(({ role }) => role === "system").map(({ content }) => content).join("\n\n");
  const unsaid = Object.keys(others);
  if (asked.response_format?.type === "json_object") unsaid.push("response_format");
  // Its temperatures end at 1. The client has no words of its own for these two any more.
  if (temperature !== undefined && temperature > 1) unsaid.push("temperature");
  const extra: Fields = {
    ...(temperature !== undefined && temperature <= 1 ? { temperature } : {}),
    ...(top_p !== undefined ? { top_p } : {}),
  };
  const fields: Fields = {
    model,
    max_tokens: max_tokens ?? ANTHROPIC_TOKENS,
    ...(system ? { system } : {}),
    messages: asked.messages.filter(({ role }) => role !== "system"),
    ...(stop?.length ? { stop_sequences: stop } : {}),
    ...(asked.tools?.length ? { tools: asked.tools.map(anthropicTool) } : {}),
    ...(schema ? { output_config: { format: { type: "json_schema", schema } } } : {}),
    ...(Object.keys(extra).length ? { extra_body: extra } : {}),
  };
  return [
    "import os",
    "from anthropic import Anthropic",
    "",
    ...without(unsaid),
    `client = Anthropic(base_url="${origin}/anthropic", api_key=os.environ["TRAMONTANE_KEY"])`,
    "answer = client.messages.create(",
    ...keywords(fields),
    ")",
    asked.tools?.length ? "print(answer.content)" : "print(answer.content[0].text)",
  ].join("\n");
}

function ollama(origin: string, model: string, asked: PlayRequest): string {
  const { max_tokens, ...parameters } = asked.parameters;
  const options: Fields = { ...parameters, ...(max_tokens !== undefined ? { num_predict: max_tokens } : {}) };
  const form = asked.response_format;
  const fields: Fields = {
    model,
    messages: asked.messages,
    ...(Object.keys(options).length ? { options } : {}),
    ...(asked.tools?.length ? { tools: asked.tools } : {}),
    ...(form && form.type !== "text" ? { format: schemaOf(form) ?? "json" } : {}),
  };
  return [
    "import os",
    "from ollama import Client",
    "",
    "client = Client(",
    `    host="${origin}",`,
    `    headers={"Authorization": "Bearer " + os.environ["TRAMONTANE_KEY"]},`,
    ")",
    "answer = client.chat(",
    ...keywords(fields),
    ")",
    asked.tools?.length ? "print(answer.message)" : "print(answer.message.content)",
  ].join("\n");
}

function without(names: string[]): string[] {
  return names.length ? [`# This API has nothing for: ${names.join(", ")}.`, ""] : [];
}

function schemaOf(form: PlayRequest["response_format"]): unknown {
  const named = form?.type === "json_schema" ? (form.json_schema as Fields | undefined) : undefined;
  return named?.schema ?? null;
}

function anthropicTool(tool: unknown): Fields {
  const { name, description, parameters } = ((tool as Fields).function ?? {}) as Fields;
  return {
    name,
    ...(description ? { description } : {}),
    input_schema: parameters ?? { type: "object", properties: {} },
  };
}

function keywords(fields: Fields): string[] {
  return Object.entries(fields).map(([name, value]) => `    ${name}=${python(value, 4)},`);
}

/** A value as Python writes it, what follows its first line indented by `indent`. */
export function python(value: unknown, indent = 0): string {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value !== "object") return JSON.stringify(value);
  const inner = " ".repeat(indent + 4);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const parts = Array.isArray(value)
    ? value.map((each) => python(each, indent + 4))
    : Object.entries(value).map(([name, each]) => `${JSON.stringify(name)}: ${python(each, indent + 4)}`);
  if (!parts.length) return `${open}${close}`;
  const line = `${open}${parts.join(", ")}${close}`;
  if (line.length <= 70 && !line.includes("\n")) return line;
  return `${open}\n${parts.map((part) => `${inner}${part},\n`).join("")}${" ".repeat(indent)}${close}`;
}
