import type english from "../en/documents";
import type { Translation } from "../index.svelte";

const words: Translation<typeof english> = {
  // Places
  atPage: "pagina {number}",
  atSlide: "diapositiva {number}",
  atSheet: "foglio {number}",
  atPart: "parte {number}",
  // Under an answer
  sources: "Fonti",
  sourcesCited: { one: "1 passaggio citato", other: "{count} passaggi citati" },
  sourcesUnused: { one: "1 altro passaggio letto e non citato", other: "{count} altri passaggi letti e non citati" },
  sourcesNone: "Nulla è citato dai documenti.",
  quotesProven: { one: "1 citazione trovata parola per parola", other: "{count} citazioni trovate parola per parola" },
  quotesUnproven: { one: "1 non trovata nei documenti", other: "{count} non trovate nei documenti" },
  openSource: "Fonte {number}: {name}, {place}",
  markProven: "Trovato parola per parola",
  markUnproven: "non trovato nei documenti",
  markNoSource: "Questa fonte non esiste",
  markNumberProven: "Questo numero è nel risultato",
  markCalculated: "Calcolato dai numeri del risultato",
  markNumberUnproven: "non trovato nel risultato",
  // Progress of an answer
  progressReading: "Lettura dei documenti: {done} di {total}",
  progressJoining: "Si riunisce quanto letto: {done} di {total}",
};

export default words;
