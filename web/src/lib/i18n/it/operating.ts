import type english from "../en/operating";
import type { Translation } from "../index.svelte";

const words: Translation<typeof english> = {
  // What runs just now.
  engLead: "Che cosa gira adesso, chi aspetta e quanto occupa su questa macchina.",
  engAnswer: { one: "{up} motore su {count} risponde", other: "{up} motori su {count} rispondono" },
  engAsleep: { one: "{count} a riposo finché non viene interpellato", other: "{count} a riposo finché non vengono interpellati" },
  engTake: "occupano {taken} di memoria su {total}",
  engHere: "Su questa macchina",
  engElsewhere: "Serviti altrove",
  engMemory: "Memoria",
  engOther: "altri programmi {size}",
  engFree: "libera {size}",
  engLoad: { one: "Carico dell’ultimo minuto: {load}, su {count} core.", other: "Carico dell’ultimo minuto: {load}, su {count} core." },
  engInside: "In corso",
  engOf: "{busy} su {places}",
  engWaiting: "In attesa",
  engEta: "il prossimo tra circa {time}",
  engMinute: "Ultimo minuto",
  engSpeed: "Token al secondo",
  engUsed: "Ultimo uso",
  engNever: "non dall’avvio",
  engWakes: "Si sveglia in circa {time} quando viene interpellato",
  engSince: "cambiato {time}",
  engSleepsAfter: "A riposo dopo {time} senza richieste",
  engNoneTitle: "Nessun modello è ancora distribuito",
  engNoneText: "Trovi nel catalogo un modello adatto a questa macchina e lo distribuisca da lì.",
  engCommand: "Lo stesso in un terminale",
};

export default words;
