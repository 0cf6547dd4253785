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
  // The document beside
  pageOf: "Page {page} sur {pages}",
  pagePrevious: "Précédent",
  pageNext: "Suivant",
  pageEmpty: "Il n’y a pas de texte ici.",
  zoomIn: "Agrandir",
  zoomOut: "Réduire",
  searchInside: "Chercher dans ce document",
  searching: "Recherche…",
  foundOf: "{at} sur {all}",
  foundNone: "Introuvable",
  foundNext: "Occurrence suivante",
  foundPrevious: "Occurrence précédente",
  citationOf: "Citation {at} sur {all}",
  citationNext: "Citation suivante",
  citationPrevious: "Citation précédente",
  markedHere: "Marqué, {place} : {text}",
  olderVersion: "version {version} sur {versions} : une plus récente l’a remplacée",
  downloadDocument: "Télécharger le document",
  documentGone: "Ce document n’existe plus",
  documentGoneText: "Il a été supprimé, ou n’est plus partagé avec vous. Ce que la réponse en dit ne peut plus être vérifié ici.",
  documentUnreadable: "Ce document n’a pas pu être lu",
  // What is wrong with a document
  problemEncrypted: "Il est protégé par un mot de passe. Enregistrez une copie sans mot de passe et ajoutez-la.",
  problemCorrupt: "Le fichier est endommagé. Ouvrez-le dans le programme d’origine, enregistrez-le à nouveau et ajoutez-le.",
  problemEmpty: "Il n’y a rien dedans.",
  problemTooBig: "Il est trop volumineux pour être lu ici. Divisez-le en fichiers plus petits.",
  problemUnsupported: "Ce type de fichier ne peut pas être lu. PDF, Word, PowerPoint, Excel, OpenDocument, HTML, Markdown, texte, e-mail, CSV, JSON, Parquet et SQLite peuvent l’être.",
  problemTimeout: "La lecture a pris trop de temps et a été arrêtée. Divisez-le, ou enregistrez-le sous une forme plus simple.",
};

export default words;
