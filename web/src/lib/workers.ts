/**
 * Starts our own workers, and nothing else: the one place that may turn an address into a script
 * under the page's policy.
 */

interface Policy {
  createScriptURL(url: string): string;
}
interface Policies {
  createPolicy(name: string, rules: Policy): Policy;
}

const ours = new Set<string>();
let policy: Policy | null = null;

/** Start the worker at `address`, which the build has made (`…?worker&url`). */
export function startWorker(address: string): Worker {
  ours.add(address);
  const policies = (window as unknown as { trustedTypes?: Policies }).trustedTypes;
  policy ??= policies?.createPolicy("tramontane", { createScriptURL: checked }) ?? null;
  return new Worker(policy ? policy.createScriptURL(address) : checked(address), { type: "module" });
}

function checked(address: string): string {
  const isHere = new URL(address, location.href).origin === location.origin;
  if (!ours.has(address) || !isHere) throw new TypeError("only our own workers");
  return address;
}
