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
  // The document beside
  pageOf: "Seite {page} von {pages}",
  pagePrevious: "Zurück",
  pageNext: "Weiter",
  pageEmpty: "Hier steht kein Text.",
  zoomIn: "Größer",
  zoomOut: "Kleiner",
  searchInside: "In diesem Dokument suchen",
  searching: "Suche läuft…",
  foundOf: "{at} von {all}",
  foundNone: "Nicht gefunden",
  foundNext: "Nächste Stelle",
  foundPrevious: "Vorige Stelle",
  citationOf: "Beleg {at} von {all}",
  citationNext: "Nächster Beleg",
  citationPrevious: "Voriger Beleg",
  markedHere: "Markiert, {place}: {text}",
  olderVersion: "Fassung {version} von {versions}: eine neuere hat sie ersetzt",
  downloadDocument: "Dokument herunterladen",
  documentGone: "Dieses Dokument gibt es nicht mehr",
  documentGoneText: "Es wurde gelöscht oder ist für Sie nicht mehr freigegeben. Was die Antwort daraus sagt, lässt sich hier nicht mehr nachlesen.",
  documentUnreadable: "Dieses Dokument ließ sich nicht lesen",
  // What is wrong with a document
  problemEncrypted: "Es ist mit einem Passwort geschützt. Speichern Sie eine Kopie ohne Passwort und fügen Sie diese hinzu.",
  problemCorrupt: "Die Datei ist beschädigt. Öffnen Sie sie im Ursprungsprogramm, speichern Sie sie neu und fügen Sie sie wieder hinzu.",
  problemEmpty: "Es ist leer.",
  problemTooBig: "Es ist zu groß, um hier gelesen zu werden. Teilen Sie es in kleinere Dateien.",
  problemUnsupported: "Diese Art von Datei lässt sich nicht lesen. PDF, Word, PowerPoint, Excel, OpenDocument, HTML, Markdown, Text, E-Mail, CSV, JSON, Parquet und SQLite schon.",
  problemTimeout: "Das Lesen dauerte zu lange und wurde abgebrochen. Teilen Sie es oder speichern Sie es in einfacherer Form.",
};

export default words;
