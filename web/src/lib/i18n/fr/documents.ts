import type english from "../en/documents";
import type { Translation } from "../index.svelte";

const words: Translation<typeof english> = {
  // Places
  atPage: "page {number}",
  atSlide: "diapositive {number}",
  atSheet: "feuille {number}",
  atPart: "partie {number}",
  // Under an answer
  sources: "Sources",
  sourcesCited: { one: "1 passage cité", other: "{count} passages cités" },
  sourcesUnused: { one: "1 autre passage lu, non cité", other: "{count} autres passages lus, non cités" },
  sourcesNone: "Rien n’est cité des documents.",
  quotesProven: { one: "1 citation retrouvée mot pour mot", other: "{count} citations retrouvées mot pour mot" },
  quotesUnproven: { one: "1 introuvable dans les documents", other: "{count} introuvables dans les documents" },
  openSource: "Source {number} : {name}, {place}",
  markProven: "Retrouvé mot pour mot",
  markUnproven: "introuvable dans les documents",
  markNoSource: "Cette source n’existe pas",
  markNumberProven: "Ce nombre figure dans le résultat",
  markCalculated: "Calculé à partir du résultat",
  markNumberUnproven: "introuvable dans le résultat",
  // Progress of an answer
  progressReading: "Lecture des documents : {done} sur {total}",
  progressJoining: "Mise en commun de ce qui a été lu : {done} sur {total}",
};

export default words;
