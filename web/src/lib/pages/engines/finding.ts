/** What engines together come to: the sentence above them, and how memory is shared out. */

import type { Engine, Engines, Machine } from "$lib/api/engines";
import { bytes } from "$lib/format.svelte";
import { t } from "$lib/i18n/index.svelte";

/** Whether it answers when it is asked: at once, or after it has woken. */
export function answers(engine: Engine): boolean {
  return ["ready", "asleep", "unprobed"].includes(engine.state);
}

/** What the engines here take of memory, in bytes. */
export function taken(engines: Engine[]): number {
  return engines.reduce((sum, { resident_bytes }) => sum + (resident_bytes ?? 0), 0);
}

/** The finding: how many engines here answer, how many of them sleep, what they take. */
export function finding({ machine, data }: Engines): string {
  const here = data.filter(({ is_local }) => is_local);
  const asleep = here.filter(({ state }) => state === "asleep").length;
  const parts = [t("engAnswer", { up: here.filter(answers).length, count: here.length })];
  if (asleep) parts.push(t("engAsleep", { count: asleep }));
  if (machine?.memory_total_bytes) {
    parts.push(t("engTake", { taken: bytes(taken(here)), total: bytes(machine.memory_total_bytes) }));
  }
  return `${parts.join("; ")}.`;
}

/** Shares of a machine's memory, from 0 to 1: each engine's, what else is in use, what is free. */
export function shares(machine: Machine, engines: Engine[]): { each: { name: string; bytes: number; share: number }[]; other: number; free: number } | null {
  const total = machine.memory_total_bytes;
  if (!total || machine.memory_available_bytes === null) return null;
  // A model's file is mapped: its pages count as the engine's, and as available where they can be read again.
  const own = Math.min(total, taken(engines));
  const other = Math.max(0, total - machine.memory_available_bytes - own);
  const each = engines
    .filter(({ resident_bytes }) => resident_bytes)
    .map(({ deployment, resident_bytes }) => ({ name: deployment, bytes: resident_bytes!, share: resident_bytes! / total }))
    .sort((one, two) => two.bytes - one.bytes);
  return { each, other: other / total, free: Math.max(0, 1 - own / total - other / total) };
}
