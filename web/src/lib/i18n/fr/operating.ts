import type english from "../en/operating";
import type { Translation } from "../index.svelte";

const words: Translation<typeof english> = {
  // What runs just now.
  engLead: "Ce qui tourne en ce moment, qui attend, et ce que cela prend à cette machine.",
  engAnswer: { one: "{up} moteur sur {count} répond", other: "{up} moteurs sur {count} répondent" },
  engAsleep: { one: "{count} en veille jusqu’à la prochaine demande", other: "{count} en veille jusqu’à la prochaine demande" },
  engTake: "ils occupent {taken} de mémoire sur {total}",
  engHere: "Sur cette machine",
  engElsewhere: "Servis ailleurs",
  engMemory: "Mémoire",
  engOther: "autres programmes {size}",
  engFree: "libre {size}",
  engLoad: { one: "Charge de la dernière minute : {load}, sur {count} cœur.", other: "Charge de la dernière minute : {load}, sur {count} cœurs." },
  engInside: "En cours",
  engOf: "{busy} sur {places}",
  engWaiting: "En attente",
  engEta: "le suivant dans environ {time}",
  engMinute: "Dernière minute",
  engSpeed: "Jetons par seconde",
  engUsed: "Dernier usage",
  engNever: "pas depuis le démarrage",
  engWakes: "Prêt en {time} environ dès qu’on le sollicite",
  engSince: "changé {time}",
  engSleepsAfter: "En veille après {time} sans demande",
  engNoneTitle: "Aucun modèle n’est encore déployé",
  engNoneText: "Trouvez dans le catalogue un modèle qui tient sur cette machine, et déployez-le depuis sa fiche.",
  engCommand: "La même chose dans un terminal",
};

export default words;
