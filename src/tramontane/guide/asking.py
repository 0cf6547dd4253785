"""What kind of answer a question asks for, and what in a sentence could be one, in five languages.

A person, a time, a place, a number, a reason, or none of these; by the words that questions begin
with. Shapes only: it does not know whether a name is a person's.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from tramontane.text.stems import folded

Kind = Literal["person", "time", "place", "number", "reason", "other"]
KINDS: tuple[Kind, ...] = ("person", "time", "place", "number", "reason", "other")

# ruff: noqa: E501
# Over folded text; the first that fits decides, so what says more stands first.
_ASKED: Mapping[str, tuple[tuple[Kind, str], ...]] = MappingProxyType(
    {
        "en": (
            ("time", r"\bwhen\b|\b(?:what|which) (?:\w+ )?(?:years?|dates?|day|month|century|decade)\b"),
            ("number", r"\bhow (?:many|much|long|far|old|often|large|big|high|tall|deep|fast|wide|heavy)\b"),
            ("number", r"\b(?:what|which) (?:\w+ ){0,2}(?:number|percentage|percent|amount|population|rate|size|length|area|price|cost|share)\b"),
            ("person", r"\bwho(?:m|se)?\b|\b(?:what|which) (?:person|man|woman|king|queen|emperor|president|author|player)\b"),
            ("place", r"\bwhere\b|\b(?:what|which) (?:\w+ )?(?:city|cities|country|countries|state|place|town|region|river|island|continent|location)\b"),
            ("reason", r"\bwhy\b|\bwhat (?:caused|causes|reason)\b"),
        ),
        "fr": (
            ("time", r"\bquand\b|\bquel(?:le)?s? (?:annee|date|jour|mois|siecle|epoque|decennie)s?\b"),
            ("number", r"\bcombien\b|\bquel(?:le)?s? (?:est |sont )?(?:le |la |l.|les )?(?:nombre|pourcentage|taux|montant|population|taille|longueur|superficie|prix|cout|part|duree|hauteur|distance)\b"),
            ("person", r"\b(?:qui|a qui|de qui)\b(?! est-ce que c)|\bquel(?:le)? (?:roi|reine|president|auteur|personne|joueur)"),
            ("place", r"\bou\b|\bquel(?:le)?s? (?:ville|pays|etat|region|endroit|lieu|fleuve|ile|continent)s?\b"),
            ("reason", r"\bpourquoi\b|\bpour quelle raison\b"),
        ),
        "de": (
            ("time", r"\bwann\b|\bwelche[mnrs]? (?:jahr|jahre|datum|tag|monat|jahrhundert|jahrzehnt)\w*\b|\bseit wann\b"),
            ("number", r"\bwie ?viele?[mnrs]?\b|\bwie (?:lange|hoch|gross|oft|alt|weit|schnell|teuer|tief|breit|schwer)\b|\bwelche[mnrs]? (?:anzahl|prozentsatz|anteil|hohe|grosse|lange|flache|menge|zahl)\b|\bprozent"),
            ("person", r"\b(?:wer|wen|wem|wessen)\b|\bwelche[mnrs]? (?:person|konig|konigin|prasident|autor|spieler|kaiser)\w*\b"),
            ("place", r"\b(?:wo|wohin|woher)\b|\bwelche[mnrs]? (?:stadt|land|staat|ort|region|fluss|insel|kontinent|bundesland)\w*\b"),
            ("reason", r"\b(?:warum|weshalb|wieso|weswegen)\b|\baus welche[mn] gr[ua]nd"),
        ),
        "es": (
            ("time", r"\bcuando\b|\b(?:que|cual) (?:ano|fecha|dia|mes|siglo|decada|epoca)s?\b"),
            ("number", r"\bcuant[oa]s?\b|\b(?:que|cual)(?: es| era| fue)?(?: el| la)? (?:numero|porcentaje|cantidad|poblacion|tasa|tamano|longitud|superficie|precio|costo|coste|distancia|altura|proporcion)\b"),
            ("person", r"\bquien(?:es)?\b|\bque (?:persona|rey|reina|presidente|autor|jugador|emperador)\b"),
            ("place", r"\b(?:a|de)?donde\b|\b(?:que|cual) (?:ciudad|pais|estado|lugar|region|rio|isla|continente)(?:es|s)?\b"),
            ("reason", r"\bpor que\b|\bcual (?:es|fue|era) la (?:razon|causa)\b"),
        ),
        "it": (
            ("time", r"\bquando\b|\b(?:che|quale|quali) (?:anno|anni|data|giorno|mese|secolo|decennio|epoca)\b"),
            ("number", r"\bquant[oaie]?\b|\b(?:che|qual|quale)(?: e| era)?(?: il| la| l.)? ?(?:numero|percentuale|quantita|popolazione|tasso|dimensione|lunghezza|superficie|prezzo|costo|distanza|altezza|quota)\b"),
            ("person", r"\b(?:chi|a chi|di chi)\b|\bquale (?:persona|re|regina|presidente|autore|giocatore|imperatore)\b"),
            ("place", r"\b(?:dove|dov)\b|\b(?:che|quale|quali) (?:citta|paese|paesi|stato|stati|luogo|regione|fiume|isola|continente)\b"),
            ("reason", r"\bperche\b|\bper quale (?:motivo|ragione)\b"),
        ),
    }
)  # fmt: skip
_RULES = MappingProxyType(
    {
        language: tuple((kind, re.compile(pattern)) for kind, pattern in rules)
        for language, rules in _ASKED.items()
    }
)

_NUMBERS = """
two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty hundred
thousand million billion half third quarter dozen twice
deux trois quatre cinq sept huit neuf dix onze douze vingt trente quarante cinquante cent mille
million millions milliard milliards moitie tiers quart
zwei drei vier funf sechs sieben acht neun zehn elf zwolf zwanzig dreissig vierzig funfzig
hundert tausend million millionen milliarde milliarden halfte drittel viertel
dos tres cuatro cinco seis siete ocho nueve diez once doce veinte treinta cuarenta cincuenta cien
ciento mil millon millones mitad tercio cuarto
due tre quattro cinque sei sette otto nove dieci undici dodici venti trenta quaranta cinquanta
cento mille mila milione milioni miliardo miliardi meta terzo quarto
"""

_TIMES = """
january february march april may june july august september october november december century
centuries decade monday tuesday wednesday thursday friday saturday sunday
janvier fevrier mars avril mai juin juillet aout septembre octobre novembre decembre siecle
lundi mardi mercredi jeudi vendredi samedi dimanche
januar februar marz april mai juni juli august september oktober november dezember jahrhundert
jahrhunderts jahrzehnt montag dienstag mittwoch donnerstag freitag samstag sonntag
enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre siglo
lunes martes miercoles jueves viernes sabado domingo
gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre
secolo lunedi martedi mercoledi giovedi venerdi sabato domenica
"""

_REASON = re.compile(
    r"\b(?:because|since|due to|owing to|as a result|so that|in order to|caused by|reason"
    r"|parce qu|puisqu|a cause d|en raison d|grace a|afin d|car\b"
    r"|weil|da |denn|wegen|aufgrund|infolge|deshalb|daher|um .{3,40} zu "
    r"|porque|debido a|a causa de|ya que|puesto que|por lo que|para que"
    r"|perche|poiche|a causa d|dovuto|grazie a|in quanto|per via)"
)
_YEAR = re.compile(r"(?<![\d.,])(?:1[0-9]|20)\d\d(?![\d]|[.,]\d)")
_TIMES_ASKED = re.compile(
    r"\b(?:how many times|combien de fois|wie viele? ?male?|cu[aá]ntas veces|quante volte)\b",
    re.IGNORECASE,
)
_DIGIT = re.compile(r"\d")
_BEFORE_PLACES = """
in at near from to of en a au aux dans de du a nach aus bei im am von en desde hacia por del
al nel nella nei da dal dalla su presso
"""

_NUMBER_WORDS = frozenset(_NUMBERS.split())
_TIME_WORDS = frozenset(_TIMES.split())
_LOCATIVE = frozenset(_BEFORE_PLACES.split())
_WORD = re.compile(r"[^\W_]+(?:[.,'’][^\W_]+)*")


def bare(question: str) -> str:
    """Return `question` without "how many times", whose words say nothing of what is asked about.

    >>> bare("How many times was it closed?")
    ' was it closed?'
    """
    return _TIMES_ASKED.sub("", question)


def asked_for(question: str, language: str | None) -> Kind:
    """Return what kind of answer `question` asks for; a language not known: English's words.

    >>> asked_for("In welchem Jahr wurde die Brücke gebaut?", "de")
    'time'
    """
    plain = folded(question)
    for kind, pattern in _RULES.get(language or "", _RULES["en"]):
        if pattern.search(plain):
            return kind
    return "other"


def evidence(
    kind: Kind, sentence: str, said: frozenset[str], *, is_german: bool
) -> list[tuple[int, float]]:
    """Return where in `sentence` an answer of that kind may stand, and how surely (0 to 1).

    `said` are the folded words of the question, which are no answer to it.
    """
    if kind == "reason":
        return [(match.start(), 1.0) for match in _REASON.finditer(folded(sentence))]
    found: list[tuple[int, float]] = []
    before, follows_name = "", False
    for match in _WORD.finditer(sentence):
        word = match.group()
        plain = folded(word)
        is_name = word[0].isupper() and match.start() > 0
        if plain not in said:
            if kind in ("time", "number"):
                weight = _time(word, plain) if kind == "time" else _number(word, plain)
            else:
                weight = _name(kind, before, follows_name, is_german) if is_name else 0.0
            if weight:
                found.append((match.start(), weight))
        before, follows_name = plain, is_name
    return found


def _time(word: str, plain: str) -> float:
    return 1.0 if _YEAR.fullmatch(word) else 0.6 if plain in _TIME_WORDS else 0.0


def _number(word: str, plain: str) -> float:
    if _DIGIT.search(word):
        return 0.5 if _YEAR.fullmatch(word) else 1.0
    return 0.8 if plain in _NUMBER_WORDS else 0.0


def _name(kind: Kind, before: str, follows_name: bool, is_german: bool) -> float:
    if kind == "place":
        return 1.0 if before in _LOCATIVE else 0.3
    if is_german and not follows_name:
        return 0.3  # every noun has a capital
    return 1.0 if follows_name else 0.6
