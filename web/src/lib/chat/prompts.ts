/** Prompts with variables: `{{name}}`. */

const VARIABLE = /\{\{\s*([^{}\n]{1,60}?)\s*\}\}/g;

/** The names of the variables, in the order of their first use. */
export function variablesOf(body: string): string[] {
  return [...new Set([...body.matchAll(VARIABLE)].map((match) => match[1]!))];
}

/** `body` with its variables replaced; one without a value stays as it is. */
export function filled(body: string, values: Record<string, string>): string {
  return body.replace(VARIABLE, (whole, name: string) => values[name] || whole);
}
