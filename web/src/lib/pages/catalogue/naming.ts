/** How openness, kinds, abilities, languages, sizes and fields are called in the reader's language. */

import type { Fit, Openness } from "$lib/api/catalogue";
import { bytes, date, number } from "$lib/format.svelte";
import { currentLanguage, t, type Key } from "$lib/i18n/index.svelte";
import { factName } from "$lib/pages/independence/naming";
import type { Bound, Choice, Facet, MixName, Sort } from "./filters";
import { priceWritten } from "./pricing";

const OPENNESS: Record<Openness, { word: Key; text: Key; share: number }> = {
  open_source: { word: "catOpenSource", text: "cardOpenSourceText", share: 1 },
  open_weights: { word: "catOpenWeights", text: "cardOpenWeightsText", share: 0.66 },
  restricted_weights: { word: "catRestrictedWeights", text: "cardRestrictedWeightsText", share: 0.33 },
  closed: { word: "catClosed", text: "cardClosedText", share: 0 },
  unknown: { word: "catOpennessUnknown", text: "cardOpennessUnknownText", share: 0 },
};

/** A grade of openness in a word. */
export function opennessWord(grade: Openness): string {
  return t(OPENNESS[grade]?.word ?? "catOpennessUnknown");
}

/** What the grade means, in a sentence. */
export function opennessText(grade: Openness): string {
  return t(OPENNESS[grade]?.text ?? "cardOpennessUnknownText");
}

/** How far a grade goes, from 0 to 1. */
export function opennessShare(grade: Openness): number {
  return OPENNESS[grade]?.share ?? 0;
}

const KINDS: Record<string, Key> = {
  chat: "catKindChat",
  completion: "catKindCompletion",
  embedding: "catKindEmbedding",
  rerank: "catKindRerank",
  image: "catKindImage",
  video: "catKindVideo",
  speech: "catKindSpeech",
  transcription: "catKindTranscription",
  vision: "catKindVision",
  moderation: "catKindModeration",
  other: "catKindOther",
};
const ABILITIES: Record<string, Key> = {
  tools: "catTools",
  reasoning: "catReasoning",
  vision: "catVision",
  audio_input: "catAudioInput",
  json_schema: "catJsonSchema",
  code: "catCode",
  fill_in_middle: "catFillInMiddle",
  multilingual: "catMultilingual",
  mathematics: "catMathematics",
  documents: "catDocuments",
  computer_use: "catComputerUse",
  prompt_caching: "catPromptCaching",
};
const MODALITIES: Record<string, Key> = {
  text: "catText",
  image: "catImage",
  audio: "catAudio",
  video: "catVideo",
  pdf: "catPdf",
  file: "catPdf",
};
export const FIELDS: Record<string, Key> = {
  name: "fieldName",
  publisher: "fieldPublisher",
  publisher_country: "fieldPublisherCountry",
  description: "fieldDescription",
  homepage: "fieldHomepage",
  repository: "fieldRepository",
  paper: "fieldPaper",
  released_on: "fieldReleasedOn",
  base_model: "fieldBaseModel",
  architecture: "fieldArchitecture",
  licence: "fieldLicence",
  licence_url: "fieldLicenceUrl",
  weights_open: "fieldWeightsOpen",
  data_open: "fieldDataOpen",
  code_open: "fieldCodeOpen",
  paper_open: "fieldPaperOpen",
  parameters: "fieldParameters",
  active_parameters: "fieldActiveParameters",
  context_tokens: "fieldContextTokens",
  max_output_tokens: "fieldMaxOutputTokens",
  dimensions: "fieldDimensions",
  knowledge_until: "fieldKnowledgeUntil",
  kind: "fieldKind",
  input_modalities: "fieldInputModalities",
  output_modalities: "fieldOutputModalities",
  languages: "fieldLanguages",
  abilities: "fieldAbilities",
  training_data_summary: "fieldTrainingDataSummary",
  training_compute_flops: "fieldTrainingComputeFlops",
  training_energy_kwh: "fieldTrainingEnergyKwh",
  intended_use: "fieldIntendedUse",
  limitations: "fieldLimitations",
  copyright_policy: "fieldCopyrightPolicy",
  eu_contact: "fieldEuContact",
  benchmarks: "fieldBenchmarks",
  openness: "catOpenness",
  fits: "catFits",
  needed_bytes: "fieldNeededBytes",
  providers: "fieldProviders",
  jurisdictions: "catJurisdiction",
  price_jurisdiction: "cmpPlace",
};
const FACET_TITLES: Record<Facet, Key> = {
  openness: "catOpenness",
  language: "catLanguage",
  ability: "catAbility",
  kind: "catKind",
  licence: "catLicence",
  publisher: "catPublisher",
  provider: "catProvider",
  jurisdiction: "catJurisdiction",
  modality: "catModality",
  offered: "catOffered",
};
const OFFERED: Record<string, Key> = { provider: "catOfferedProvider", local: "catOfferedLocal", here: "catHere" };
const SORT_TITLES: Record<Sort, Key> = {
  best: "catSortBest",
  price: "catSortPrice",
  context: "catSortContext",
  size: "catSortSize",
  newest: "catSortNewest",
  name: "catSortName",
};
const MIX_TITLES: Record<MixName, Key> = {
  chat: "catMixChat",
  documents: "catMixDocuments",
  agents: "catMixAgents",
  writing: "catMixWriting",
};
const FITS: Record<Fit, { word: Key; mark: string }> = {
  yes: { word: "catFitsYes", mark: "✓" },
  tight: { word: "catFitsTight", mark: "≈" },
  no: { word: "catFitsNo", mark: "✕" },
  unknown: { word: "catFitsUnknown", mark: "?" },
};

export const facetTitle = (facet: Facet): string => t(FACET_TITLES[facet]);
export const sortTitle = (sort: Sort): string => t(SORT_TITLES[sort]);
export const mixTitle = (name: MixName | null): string => t(name ? MIX_TITLES[name] : "catMixOwn");
export const fitWord = (fit: Fit): string => t((FITS[fit] ?? FITS.unknown).word);
export const fitMark = (fit: Fit): string => (FITS[fit] ?? FITS.unknown).mark;

/** A field in words; its own name where we have none. */
export function fieldWord(field: string): string {
  const key = FIELDS[field];
  return key ? t(key) : field;
}

/** A language by its tag, in the reader's own. */
export function languageName(tag: string): string {
  try {
    return new Intl.DisplayNames([currentLanguage()], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

/** A country's or union's name. */
export function placeName(code: string): string {
  return factName("jurisdiction", code);
}

/** The word for a value of a facet. */
export function valueWord(facet: Facet, value: string, title?: string | null): string {
  if (value === "unknown" || value === "") return t("catUnknown");
  switch (facet) {
    case "openness":
      return opennessWord(value as Openness);
    case "language":
      return languageName(value);
    case "ability":
      return abilityWord(value);
    case "kind":
      return kindWord(value);
    case "jurisdiction":
      return placeName(value);
    case "modality":
      return modalityWord(value);
    case "offered":
      return OFFERED[value] ? t(OFFERED[value]) : value;
    default:
      return title || value;
  }
}

export function kindWord(kind: string): string {
  const key = KINDS[kind];
  return key ? t(key) : kind;
}

export function abilityWord(ability: string): string {
  const key = ABILITIES[ability];
  return key ? t(key) : ability;
}

export function modalityWord(modality: string): string {
  const key = MODALITIES[modality];
  return key ? t(key) : modality;
}

/** A choice as it stands on the page: "at least 32,768 tokens". */
export function choiceWord({ name, value }: Choice, currency: string): string {
  const bounds: Record<Bound, () => string> = {
    min_context: () => t("catChosenMinContext", { count: Number(value) }),
    max_context: () => t("catChosenMaxContext", { count: Number(value) }),
    min_parameters: () => t("catChosenMinSize", { size: size(Number(value)) }),
    max_parameters: () => t("catChosenMaxSize", { size: size(Number(value)) }),
    max_price: () => t("catChosenMaxPrice", { price: priceWritten(value, currency) }),
  };
  // "32k" may stand in an address that somebody wrote.
  if (name in bounds && name !== "max_price" && Number.isNaN(Number(value))) return `${name} ${value}`;
  if (name in bounds) return bounds[name as Bound]();
  if (name === "fits") return t("catFits");
  if (name === "q") return t("catChosenText", { text: value });
  return valueWord(name as Facet, value);
}

/** A count of parameters: "8.03 bn". */
export function size(parameters: number): string {
  if (parameters >= 1e9) return t("catBillions", { number: number(parameters / 1e9, parameters < 1e10 ? 1 : 0) });
  if (parameters >= 1e6) return t("catMillions", { number: number(parameters / 1e6, 0) });
  return number(parameters);
}

/** A date as far as it is known: "2025", "March 2025", "17 March 2025". */
export function knownDate(text: string): string {
  if (/^\d{4}-\d{2}-\d{2}/.test(text)) return date(`${text.slice(0, 10)}T12:00:00`, "medium");
  const [year, month] = text.split("-");
  if (!year || !month) return text;
  return new Intl.DateTimeFormat(currentLanguage() === "en" ? "en-GB" : currentLanguage(), { month: "long", year: "numeric" }).format(
    new Date(Number(year), Number(month) - 1, 15),
  );
}

/** The value of a field as text. Lists are joined, counts grouped, codes named. */
export function valueText(field: string, value: unknown): string {
  if (value === null || value === undefined || value === "") return t("catUnknown");
  if (Array.isArray(value)) {
    if (!value.length) return t("catNone");
    return value.map((each) => itemText(field, each)).join(", ");
  }
  if (typeof value === "boolean") return t(value ? "catYes" : "catNo");
  if (typeof value === "number") {
    if (field === "training_compute_flops") return value.toExponential(1).replace("e+", " × 10^");
    if (field === "needed_bytes") return bytes(value);
    if (field.endsWith("parameters")) return value >= 1e6 ? size(value) : number(value);
    return number(value, 2);
  }
  if (typeof value === "object") return Object.values(value).join(" ");
  const text = String(value);
  if (field === "kind") return kindWord(text);
  if (field === "publisher_country") return placeName(text.toUpperCase());
  if (field === "openness") return opennessWord(text as Openness);
  if (field === "fits") return `${fitMark(text as Fit)} ${fitWord(text as Fit)}`;
  if (field.endsWith("_on") || field.endsWith("_until")) return knownDate(text);
  return text;
}

function itemText(field: string, value: unknown): string {
  if (field === "languages") return languageName(String(value));
  if (field === "jurisdictions") return placeName(String(value));
  if (field === "abilities") return abilityWord(String(value));
  if (field.endsWith("_modalities")) return modalityWord(String(value));
  if (value !== null && typeof value === "object") {
    const { name, score } = value as { name?: string; score?: unknown };
    return name ? `${name} ${score ?? ""}`.trim() : JSON.stringify(value);
  }
  return String(value);
}

/** What a file or a model needs, as "5.2 GB"; unknown said so. */
export function bytesText(size: number | null): string {
  return size === null ? t("catUnknown") : bytes(size);
}

/** Languages short enough for a cell: the wanted ones first, the rest counted. */
export function languagesShort(tags: string[], wanted: string[]): string {
  if (!tags.length) return t("catUnknown");
  const first = tags.filter((tag) => wanted.includes(tag));
  const sorted = [...first, ...tags.filter((tag) => !first.includes(tag))];
  const shown = sorted.slice(0, 2).map(languageName);
  return sorted.length > 2 ? t("catLanguagesMore", { names: shown.join(", "), count: sorted.length - 2 }) : shown.join(", ");
}
