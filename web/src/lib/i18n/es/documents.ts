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
};

export default words;
