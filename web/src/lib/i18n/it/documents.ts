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
  // The document beside
  pageOf: "Pagina {page} di {pages}",
  pagePrevious: "Precedente",
  pageNext: "Successivo",
  pageEmpty: "Qui non c’è testo.",
  zoomIn: "Ingrandire",
  zoomOut: "Ridurre",
  searchInside: "Cercare in questo documento",
  searching: "Ricerca…",
  foundOf: "{at} di {all}",
  foundNone: "Non trovato",
  foundNext: "Occorrenza successiva",
  foundPrevious: "Occorrenza precedente",
  citationOf: "Citazione {at} di {all}",
  citationNext: "Citazione successiva",
  citationPrevious: "Citazione precedente",
  markedHere: "Evidenziato, {place}: {text}",
  olderVersion: "versione {version} di {versions}: una più recente l’ha sostituita",
  downloadDocument: "Scaricare il documento",
  documentGone: "Questo documento non c’è più",
  documentGoneText: "È stato eliminato o non è più condiviso con Lei. Ciò che la risposta ne dice non si può più verificare qui.",
  documentUnreadable: "Non è stato possibile leggere questo documento",
  // What is wrong with a document
  problemEncrypted: "È protetto da una password. Ne salvi una copia senza e aggiunga quella.",
  problemCorrupt: "Il file è danneggiato. Lo apra nel programma d’origine, lo salvi di nuovo e lo aggiunga.",
  problemEmpty: "È vuoto.",
  problemTooBig: "È troppo grande per essere letto qui. Lo divida in file più piccoli.",
  problemUnsupported: "Questo tipo di file non si può leggere. Si leggono PDF, Word, PowerPoint, Excel, OpenDocument, HTML, Markdown, testo, e-mail, CSV, JSON, Parquet e SQLite.",
  problemTimeout: "La lettura è durata troppo ed è stata interrotta. Lo divida o lo salvi in una forma più semplice.",
};

export default words;
