/** What somebody typed as the request that it makes, or what is wrong with it, by field. */

import type { PlayParameters, PlayRequest } from "$lib/api/playground";
import type { Kept } from "./kept";
import { readJson } from "./jsontext";

export const NUMBERS = {
  temperature: { least: 0, most: 2, isWhole: false },
  top_p: { least: 0, most: 1, isWhole: false },
  max_tokens: { least: 1, most: 10_000_000, isWhole: true },
  seed: { least: 0, most: 2_147_483_647, isWhole: true },
  frequency_penalty: { least: -2, most: 2, isWhole: false },
  presence_penalty: { least: -2, most: 2, isWhole: false },
} as const;
export type NumberName = keyof typeof NUMBERS;
export const NUMBER_NAMES = Object.keys(NUMBERS) as NumberName[];

export const EXAMPLE_TOOLS = JSON.stringify(
  [
    {
      type: "function",
      function: {
        name: "get_weather",
        description: "The weather in a city on a day.",
        parameters: {
          type: "object",
          properties: { city: { type: "string" }, day: { type: "string", description: "YYYY-MM-DD" } },
          required: ["city"],
        },
      },
    },
  ],
  null,
  2,
);

export const EXAMPLE_SCHEMA = JSON.stringify(
  {
    type: "object",
    properties: { title: { type: "string" }, keywords: { type: "array", items: { type: "string" } } },
    required: ["title", "keywords"],
    additionalProperties: false,
  },
  null,
  2,
);

/** The number that `text` is, null where it is empty, undefined where it is none in the range. */
export function numberOf(name: NumberName, text: string): number | null | undefined {
  const trimmed = text.trim().replace(",", ".");
  if (!trimmed) return null;
  const { least, most, isWhole } = NUMBERS[name];
  const value = Number(trimmed);
  const isGood = /^[+-]?\d*\.?\d+$/.test(trimmed) && value >= least && value <= most && (!isWhole || Number.isInteger(value));
  return isGood ? value : undefined;
}

/** The parameters that are set and good. */
export function parametersOf(typed: Record<string, string>): PlayParameters {
  const found: PlayParameters = {};
  for (const name of NUMBER_NAMES) {
    const value = numberOf(name, typed[name] ?? "");
    if (typeof value === "number") found[name] = value;
  }
  const stops = stopsOf(typed.stop ?? "");
  if (stops.length) found.stop = stops;
  return found;
}

/** The texts at which an answer ends, one a line. */
export function stopsOf(text: string): string[] {
  return text.split("\n").filter((line) => line !== "");
}

export const STOPS_MAX = 4;

/** Whether all that is typed beside the prompt can be sent. */
export function areGood(kept: Kept): boolean {
  const { parameters, tools, form, schema } = kept;
  return (
    NUMBER_NAMES.every((name) => numberOf(name, parameters[name] ?? "") !== undefined) &&
    stopsOf(parameters.stop ?? "").length <= STOPS_MAX &&
    (!tools.trim() || Array.isArray(valueOf(tools))) &&
    (form !== "json_schema" || isObject(valueOf(schema)))
  );
}

/** What is asked of every model. What cannot be read is left out: `areGood` says whether there is such. */
export function requestOf(kept: Kept): PlayRequest {
  const tools = valueOf(kept.tools);
  const schema = valueOf(kept.schema);
  let form: PlayRequest["response_format"] = null;
  if (kept.form === "json_object") form = { type: "json_object" };
  else if (kept.form === "json_schema" && isObject(schema)) form = { type: "json_schema", json_schema: { name: "answer", schema, strict: true } };
  return {
    messages: [
      ...(kept.system.trim() ? [{ role: "system" as const, content: kept.system }] : []),
      { role: "user", content: kept.user },
    ],
    parameters: parametersOf(kept.parameters),
    tools: Array.isArray(tools) && tools.length ? tools : null,
    response_format: form,
  };
}

function valueOf(text: string): unknown {
  const read = text.trim() ? readJson(text) : null;
  return read && "value" in read ? read.value : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
