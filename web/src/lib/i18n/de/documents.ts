import type english from "../en/documents";
import type { Translation } from "../index.svelte";

const words: Translation<typeof english> = {
  // Places
  atPage: "Seite {number}",
  atSlide: "Folie {number}",
  atSheet: "Blatt {number}",
  atPart: "Teil {number}",
  // Under an answer
  sources: "Quellen",
  sourcesCited: { one: "1 Stelle zitiert", other: "{count} Stellen zitiert" },
  sourcesUnused: { one: "1 weitere Stelle gelesen, nicht zitiert", other: "{count} weitere Stellen gelesen, nicht zitiert" },
  sourcesNone: "Aus den Dokumenten wird nichts zitiert.",
  quotesProven: { one: "1 Zitat wörtlich gefunden", other: "{count} Zitate wörtlich gefunden" },
  quotesUnproven: { one: "1 nicht in den Dokumenten gefunden", other: "{count} nicht in den Dokumenten gefunden" },
  openSource: "Quelle {number}: {name}, {place}",
  markProven: "Wörtlich gefunden",
  markUnproven: "nicht in den Dokumenten gefunden",
  markNoSource: "Diese Quelle gibt es nicht",
  markNumberProven: "Diese Zahl steht im Ergebnis",
  markCalculated: "Aus Zahlen des Ergebnisses berechnet",
  markNumberUnproven: "nicht im Ergebnis gefunden",
  // Progress of an answer
  progressReading: "Die Dokumente werden gelesen: {done} von {total}",
  progressJoining: "Das Gelesene wird zusammengefügt: {done} von {total}",
};

export default words;
