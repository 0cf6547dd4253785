import type english from "../en/documents";
import type { Translation } from "../index.svelte";

const words: Translation<typeof english> = {
  // Places
  atPage: "página {number}",
  atSlide: "diapositiva {number}",
  atSheet: "hoja {number}",
  atPart: "parte {number}",
  // Under an answer
  sources: "Fuentes",
  sourcesCited: { one: "1 pasaje citado", other: "{count} pasajes citados" },
  sourcesUnused: { one: "1 pasaje más, leído y no citado", other: "{count} pasajes más, leídos y no citados" },
  sourcesNone: "No se cita nada de los documentos.",
  quotesProven: { one: "1 cita encontrada palabra por palabra", other: "{count} citas encontradas palabra por palabra" },
  quotesUnproven: { one: "1 no encontrada en los documentos", other: "{count} no encontradas en los documentos" },
  openSource: "Fuente {number}: {name}, {place}",
  markProven: "Encontrado palabra por palabra",
  markUnproven: "no se encuentra en los documentos",
  markNoSource: "Esta fuente no existe",
  markNumberProven: "Este número figura en el resultado",
  markCalculated: "Calculado con números del resultado",
  markNumberUnproven: "no se encuentra en el resultado",
  // Progress of an answer
  progressReading: "Leyendo los documentos: {done} de {total}",
  progressJoining: "Reuniendo lo leído: {done} de {total}",
  // The document beside
  pageOf: "Página {page} de {pages}",
  pagePrevious: "Anterior",
  pageNext: "Siguiente",
  pageEmpty: "Aquí no hay texto.",
  zoomIn: "Ampliar",
  zoomOut: "Reducir",
  searchInside: "Buscar en este documento",
  searching: "Buscando…",
  foundOf: "{at} de {all}",
  foundNone: "No encontrado",
  foundNext: "Siguiente coincidencia",
  foundPrevious: "Coincidencia anterior",
  citationOf: "Cita {at} de {all}",
  citationNext: "Cita siguiente",
  citationPrevious: "Cita anterior",
  markedHere: "Marcado, {place}: {text}",
  olderVersion: "versión {version} de {versions}: una más reciente la ha sustituido",
  downloadDocument: "Descargar el documento",
  documentGone: "Este documento ya no existe",
  documentGoneText: "Se eliminó o ya no se comparte con usted. Lo que la respuesta dice de él ya no puede consultarse aquí.",
  documentUnreadable: "No se pudo leer este documento",
  // What is wrong with a document
  problemEncrypted: "Está protegido con contraseña. Guarde una copia sin ella y añádala.",
  problemCorrupt: "El archivo está dañado. Ábralo en el programa original, guárdelo de nuevo y añádalo otra vez.",
  problemEmpty: "Está vacío.",
  problemTooBig: "Es demasiado grande para leerlo aquí. Divídalo en archivos más pequeños.",
  problemUnsupported: "Este tipo de archivo no se puede leer. Sí PDF, Word, PowerPoint, Excel, OpenDocument, HTML, Markdown, texto, correo, CSV, JSON, Parquet y SQLite.",
  problemTimeout: "La lectura tardó demasiado y se detuvo. Divídalo o guárdelo en una forma más sencilla.",
};

export default words;
