"""What was not taken over from a file, and why, in the reader's words. Pure."""

from collections.abc import Mapping

from tramontane.assistant.transfer.records import LeftOut, Reason

_REASONS: dict[str, dict[Reason, str]] = {
    "de": {
        "empty": "Es steht keine Nachricht darin.",
        "too_large": "Zu groß: mehr als 16 MB oder 20 000 Nachrichten.",
        "too_nested": "Zu tief verschachtelt, um gelesen zu werden.",
        "not_understood": "Keine Unterhaltung von ChatGPT oder Open WebUI.",
        "left_out": "Übernommen, ohne {what}: Ihr Platz ist im Text bezeichnet.",
        "cut_off": "Die Datei endet mitten darin; was vorher stand, ist übernommen.",
        "unfinished": "Die Zeit reichte nicht für alles. Geben Sie dieselbe Datei noch"
        " einmal: Es geht dort weiter.",
    },
    "en": {
        "empty": "There is no message in it.",
        "too_large": "Too large: more than 16 MB or 20,000 messages.",
        "too_nested": "Nested too deeply to be read.",
        "not_understood": "Not a conversation of ChatGPT or Open WebUI.",
        "left_out": "Taken over without {what}: the text says where they stood.",
        "cut_off": "The file ends in the middle; what stood before was taken over.",
        "unfinished": "There was no time for all of it. Give the same file again: it goes on"
        " from there.",
    },
    "es": {
        "empty": "No contiene ningún mensaje.",
        "too_large": "Demasiado grande: más de 16 MB o 20 000 mensajes.",
        "too_nested": "Demasiado anidada para poder leerla.",
        "not_understood": "No es una conversación de ChatGPT ni de Open WebUI.",
        "left_out": "Incorporada sin {what}: el texto indica dónde estaban.",
        "cut_off": "El archivo termina a la mitad; lo anterior se ha incorporado.",
        "unfinished": "No ha dado tiempo a todo. Entregue el mismo archivo otra vez:"
        " continuará desde ahí.",
    },
    "fr": {
        "empty": "Elle ne contient aucun message.",
        "too_large": "Trop grande : plus de 16 Mo ou de 20 000 messages.",
        "too_nested": "Trop profondément imbriquée pour être lue.",
        "not_understood": "Ce n'est pas une conversation de ChatGPT ni d'Open WebUI.",
        "left_out": "Reprise sans {what} : le texte indique où cela se trouvait.",
        "cut_off": "Le fichier s'arrête au milieu ; ce qui précède a été repris.",
        "unfinished": "Le temps n'a pas suffi pour tout. Redonnez le même fichier : la suite"
        " sera reprise.",
    },
    "it": {
        "empty": "Non contiene alcun messaggio.",
        "too_large": "Troppo grande: più di 16 MB o di 20 000 messaggi.",
        "too_nested": "Troppo annidata per essere letta.",
        "not_understood": "Non è una conversazione di ChatGPT né di Open WebUI.",
        "left_out": "Ripresa senza {what}: il testo indica dove si trovavano.",
        "cut_off": "Il file finisce a metà; ciò che viene prima è stato ripreso.",
        "unfinished": "Non c'è stato tempo per tutto. Dia di nuovo lo stesso file: si"
        " riprende da lì.",
    },
}
_THINGS: dict[str, dict[LeftOut, tuple[str, str]]] = {
    "de": {
        "image": ("1 Bild", "{} Bilder"),
        "audio": ("1 Tonaufnahme", "{} Tonaufnahmen"),
        "file": ("1 Datei", "{} Dateien"),
        "other": ("1 anderen Inhalt", "{} andere Inhalte"),
    },
    "en": {
        "image": ("1 image", "{} images"),
        "audio": ("1 sound recording", "{} sound recordings"),
        "file": ("1 file", "{} files"),
        "other": ("1 other content", "{} other contents"),
    },
    "es": {
        "image": ("1 imagen", "{} imágenes"),
        "audio": ("1 grabación", "{} grabaciones"),
        "file": ("1 archivo", "{} archivos"),
        "other": ("1 contenido más", "{} contenidos más"),
    },
    "fr": {
        "image": ("1 image", "{} images"),
        "audio": ("1 enregistrement", "{} enregistrements"),
        "file": ("1 fichier", "{} fichiers"),
        "other": ("1 autre contenu", "{} autres contenus"),
    },
    "it": {
        "image": ("1 immagine", "{} immagini"),
        "audio": ("1 registrazione", "{} registrazioni"),
        "file": ("1 file", "{} file"),
        "other": ("1 altro contenuto", "{} altri contenuti"),
    },
}
_REFUSALS: dict[str, dict[str, str]] = {
    "de": {
        "not_json": "Das ist keine Datei mit Unterhaltungen. Gebraucht wird conversations.json von"
        " ChatGPT oder das .zip damit, der Export von Open WebUI oder unser eigener.",
        "bad_zip": "Das .zip ist beschädigt oder verlangt ein Passwort. Es wurde nichts"
        " übernommen.",
        "no_conversations_in_zip": "Im .zip ist keine conversations.json. Fordern Sie bei ChatGPT"
        " den Export Ihrer Daten an und geben Sie das ganze .zip.",
        "unpacked_too_large": "Entpackt ist das .zip größer als 512 MB. Es wurde nichts"
        " übernommen.",
        "too_many": "Es sind mehr als 100 000 Unterhaltungen darin.",
        "too_much": "Die Datei zu lesen brauchte zu viel Speicher oder Zeit. Es wurde nichts"
        " übernommen.",
    },
    "en": {
        "not_json": "This is not a file of conversations. Give ChatGPT's conversations.json or the"
        " .zip that it is in, Open WebUI's export, or our own.",
        "bad_zip": "The .zip is damaged, or asks for a password. Nothing was taken over.",
        "no_conversations_in_zip": "There is no conversations.json in the .zip. Ask ChatGPT for an"
        " export of your data, and give the whole .zip.",
        "unpacked_too_large": "Unpacked, the .zip is larger than 512 MB. Nothing was taken over.",
        "too_many": "There are more than 100,000 conversations in it.",
        "too_much": "Reading the file took too much memory or time. Nothing was taken over.",
    },
    "es": {
        "not_json": "No es un archivo de conversaciones. Hace falta el conversations.json de"
        " ChatGPT o el .zip que lo contiene, la exportación de Open WebUI o la nuestra.",
        "bad_zip": "El .zip está dañado o pide una contraseña. No se ha incorporado nada.",
        "no_conversations_in_zip": "En el .zip no hay ningún conversations.json. Pida a ChatGPT la"
        " exportación de sus datos y entregue el .zip entero.",
        "unpacked_too_large": "Descomprimido, el .zip supera los 512 MB. No se ha incorporado"
        " nada.",
        "too_many": "Contiene más de 100 000 conversaciones.",
        "too_much": "Leer el archivo exigía demasiada memoria o tiempo. No se ha incorporado nada.",
    },
    "fr": {
        "not_json": "Ce n'est pas un fichier de conversations. Il faut le conversations.json de"
        " ChatGPT ou le .zip qui le contient, l'export d'Open WebUI ou le nôtre.",
        "bad_zip": "Le .zip est endommagé ou demande un mot de passe. Rien n'a été repris.",
        "no_conversations_in_zip": "Il n'y a pas de conversations.json dans le .zip. Demandez à"
        " ChatGPT l'export de vos données et donnez le .zip entier.",
        "unpacked_too_large": "Décompressé, le .zip dépasse 512 Mo. Rien n'a été repris.",
        "too_many": "Il contient plus de 100 000 conversations.",
        "too_much": "Lire le fichier demandait trop de mémoire ou de temps. Rien n'a été repris.",
    },
    "it": {
        "not_json": "Non è un file di conversazioni. Serve il conversations.json di ChatGPT o lo"
        " .zip che lo contiene, l'esportazione di Open WebUI o la nostra.",
        "bad_zip": "Lo .zip è danneggiato o chiede una password. Non è stato ripreso nulla.",
        "no_conversations_in_zip": "Nello .zip non c'è un conversations.json. Chieda a ChatGPT"
        " l'esportazione dei suoi dati e dia lo .zip intero.",
        "unpacked_too_large": "Decompresso, lo .zip supera i 512 MB. Non è stato ripreso nulla.",
        "too_many": "Contiene più di 100 000 conversazioni.",
        "too_much": "Leggere il file richiedeva troppa memoria o tempo. Non è stato ripreso nulla.",
    },
}


def refusal(reason: str, language: str) -> str:
    """Return why a file as a whole cannot be read."""
    return _REFUSALS[language if language in _REFUSALS else "en"][reason]


def explain(reason: Reason, language: str, left_out: Mapping[LeftOut, int] | None = None) -> str:
    """Return the sentence for `reason`; `left_out` counts what it is about."""
    language = language if language in _REASONS else "en"
    things = [
        (one if count == 1 else many).format(count)
        for kind, (one, many) in _THINGS[language].items()
        if (count := (left_out or {}).get(kind, 0))
    ]
    return _REASONS[language][reason].format(what=", ".join(things))
