/** How dimensions, facts and outcomes are called, and which of the four meanings an outcome has. */

import type { DeploymentFacts, Dimension, Outcome, Survival } from "$lib/api/independence";
import { currentLanguage, t, type Key } from "$lib/i18n/index.svelte";

export const DIMENSIONS: Dimension[] = ["provider", "host", "owner", "seat", "chip", "jurisdiction"];
const TITLES: Record<Dimension, Key> = {
  provider: "dimProvider",
  host: "dimHost",
  owner: "dimOwner",
  seat: "dimSeat",
  chip: "dimChip",
  jurisdiction: "dimJurisdiction",
};
const OUTCOMES: Record<Outcome, { word: Key; mark: string; meaning: string }> = {
  stands: { word: "outcomeStands", mark: "✓", meaning: "proven" },
  falls_back: { word: "outcomeFallsBack", mark: "↪", meaning: "estimated" },
  unsure: { word: "outcomeUnsure", mark: "?", meaning: "" },
  lost: { word: "outcomeLost", mark: "✕", meaning: "refused" },
};

/** The title of a dimension: "Host cloud". */
export function dimensionTitle(dimension: Dimension): string {
  return t(TITLES[dimension]);
}

/** A fact in the reader's language: countries by their name, ourselves as such, the unknown as such. */
export function factName(dimension: Dimension, name: string | null): string {
  if (name === null) return t("factUnknown");
  if (name === "local" && dimension === "provider") return t("factLocal");
  if (name === "own") return t("factOwn");
  if (dimension === "seat" || dimension === "jurisdiction") return name.split("+").map(countryName).join(" + ");
  return name;
}

/** Who began a drill. */
export function starter(name: string): string {
  return name === "command line" ? t("drillCommandLine") : name;
}

function countryName(code: string): string {
  if (code === "EEA") return t("factEea");
  try {
    return new Intl.DisplayNames([currentLanguage()], { type: "region" }).of(code) ?? code;
  } catch {
    return code;
  }
}

/** The word, the mark and the meaning of an outcome. */
export function outcome(of: Outcome): { word: string; mark: string; meaning: string } {
  const found = OUTCOMES[of];
  return { word: t(found.word), mark: found.mark, meaning: found.meaning };
}

/** A part of the configuration file for each of whom something is unknown, with what has to be said; examples are countries of their kind. */
export function unsaid(deployments: DeploymentFacts[]): string {
  const found = new Map<string, Set<Dimension>>();
  for (const each of deployments) {
    const missing = DIMENSIONS.filter((dimension) => dimension !== "provider" && each[dimension] === null);
    if (!missing.length) continue;
    const name = each.provider ?? each.name;
    found.set(name, new Set([...(found.get(name) ?? []), ...missing]));
  }
  return [...found]
    .sort(([one], [other]) => one.localeCompare(other))
    .map(([name, missing]) => {
      const lines = DIMENSIONS.filter((dimension) => missing.has(dimension)).map(
        (dimension) => `${dimension} = "${dimension === "seat" || dimension === "jurisdiction" ? "CH" : "…"}"`,
      );
      return [`[independence.${/^[\w-]+$/.test(name) ? name : JSON.stringify(name)}]`, ...lines].join("\n");
    })
    .join("\n\n");
}

/** Those names that people ask for: a deployment that serves another name, and was not asked for by its own, is left out. */
export function asked(models: Survival[]): Survival[] {
  const behind = new Set(models.flatMap(({ model, deployments }) => deployments.filter((name) => name !== model)));
  return models.filter(({ model, requests }) => requests > 0 || !behind.has(model));
}

/** Each whom a model rests on, with how the models that do fare without them, the worst first. */
export function losses(models: Survival[], dimension: Dimension): string[] {
  const names = new Set(models.flatMap(({ losses }) => losses.filter((loss) => loss.dimension === dimension).map(({ name }) => name)));
  return [...names].sort((a, b) => weight(b) - weight(a) || a.localeCompare(b));

  function weight(name: string): number {
    const found = models.flatMap(({ losses }) => losses.filter((loss) => loss.dimension === dimension && loss.name === name));
    return found.filter(({ outcome }) => outcome === "lost").length * 1000 + found.length;
  }
}
