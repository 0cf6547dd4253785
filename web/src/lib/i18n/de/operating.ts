import type english from "../en/operating";
import type { Translation } from "../index.svelte";

const words: Translation<typeof english> = {
  // What runs just now.
  engLead: "Was gerade läuft, wer darauf wartet und was es diese Maschine kostet.",
  engAnswer: { one: "{up} von {count} Engine antwortet", other: "{up} von {count} Engines antworten" },
  engAsleep: { one: "{count} ruht, bis sie gefragt wird", other: "{count} ruhen, bis sie gefragt werden" },
  engTake: "sie belegen {taken} von {total} Speicher",
  engHere: "Auf dieser Maschine",
  engElsewhere: "Anderswo bereitgestellt",
  engMemory: "Speicher",
  engOther: "andere Programme {size}",
  engFree: "frei {size}",
  engLoad: { one: "Auslastung in der letzten Minute: {load}, auf {count} Kern.", other: "Auslastung in der letzten Minute: {load}, auf {count} Kernen." },
  engInside: "In Arbeit",
  engOf: "{busy} von {places}",
  engWaiting: "Wartend",
  engEta: "der nächste in etwa {time}",
  engMinute: "Letzte Minute",
  engSpeed: "Token pro Sekunde",
  engUsed: "Zuletzt genutzt",
  engNever: "nicht seit dem Start",
  engWakes: "Ist auf Anfrage in etwa {time} wach",
  engSince: "geändert {time}",
  engSleepsAfter: "Ruht nach {time} ohne Anfrage",
  engNoneTitle: "Noch ist kein Modell bereitgestellt",
  engNoneText: "Finden Sie im Katalog eines, das auf diese Maschine passt, und stellen Sie es dort bereit.",
  engCommand: "Dasselbe im Terminal",
};

export default words;
