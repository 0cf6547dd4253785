import type english from "../en/operating";
import type { Translation } from "../index.svelte";

const words: Translation<typeof english> = {
  // What runs just now.
  engLead: "Qué funciona ahora mismo, quién espera y cuánto ocupa en esta máquina.",
  engAnswer: { one: "{up} de {count} motor responde", other: "{up} de {count} motores responden" },
  engAsleep: { one: "{count} en reposo hasta que se le pregunte", other: "{count} en reposo hasta que se les pregunte" },
  engTake: "ocupan {taken} de {total} de memoria",
  engHere: "En esta máquina",
  engElsewhere: "Servidos en otro lugar",
  engMemory: "Memoria",
  engOther: "otros programas {size}",
  engFree: "libre {size}",
  engLoad: { one: "Carga del último minuto: {load}, en {count} núcleo.", other: "Carga del último minuto: {load}, en {count} núcleos." },
  engInside: "En curso",
  engOf: "{busy} de {places}",
  engWaiting: "En espera",
  engEta: "el siguiente en unos {time}",
  engMinute: "Último minuto",
  engSpeed: "Tokens por segundo",
  engUsed: "Último uso",
  engNever: "no desde el arranque",
  engWakes: "Despierta en unos {time} cuando se le pregunta",
  engSince: "cambió {time}",
  engSleepsAfter: "Reposa tras {time} sin peticiones",
  engNoneTitle: "Aún no hay ningún modelo desplegado",
  engNoneText: "Busque en el catálogo uno que quepa en esta máquina y despliéguelo allí.",
  engCommand: "Lo mismo en un terminal",
};

export default words;
