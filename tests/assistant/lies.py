"""A made set: passages in five languages, and what a model says of them, true or false.

Each statement has one quote or one number, known to be true or not. Quotes are set as people and
models set them (marks of five languages, other spaces and hyphens, cuts, block quotes); false ones
differ from the passage by a figure, a name, a word, a "not", an order. Made by a seed: the same
each time. Beside them, statements about results of tables.
"""

import random
from collections.abc import Iterator

import msgspec

from tramontane.assistant.evidence import Shown
from tramontane.store.messages import ResultColumn, ResultPart, Source

SEED = 20_261_122
LANGUAGES = ("de", "en", "es", "fr", "it")
_PLACES = (
    "Rouen",
    "Brest",
    "Graz",
    "Bilbao",
    "Torino",
    "Lugano",
    "Namur",
    "Cork",
    "Trier",
    "Gijón",
)
_NAMES = ("Weber", "Moreau", "Rossi", "García", "Byrne", "Dupont", "Conti", "Ibarra")
_TEMPLATES: dict[str, tuple[str, ...]] = {
    "de": (
        "Das Amt in {place} zahlte im Jahr {year} genau {amount} Euro für Mieten und Energie.",
        "Der Anteil der Anträge, die in {place} abgelehnt wurden, stieg auf {percent} Prozent.",
        "Im Archiv von {place} arbeiteten am Jahresende {count} Menschen, mehr als zuvor.",
        "Frau {name} leitete die Prüfung, die {days} Tage dauerte und keine Mängel fand.",
        "Die Brücke bei {place} ist nicht vor {year} fertig, sagte der Bauleiter {name}.",
    ),
    "en": (
        "The office in {place} paid exactly {amount} euros for rents and energy in {year}.",
        "The share of applications that were refused in {place} rose to {percent} percent.",
        "At the end of the year {count} people worked in the archive of {place}, more than before.",
        "Mrs {name} led the inspection, which took {days} days and found no faults.",
        "The bridge at {place} will not be ready before {year}, said {name}, who builds it.",
    ),
    "es": (
        "La oficina de {place} pagó exactamente {amount} euros por alquileres y energía en {year}.",
        "La proporción de solicitudes rechazadas en {place} subió al {percent} por ciento.",
        "A finales de año trabajaban {count} personas en el archivo de {place}, más que antes.",
        "La señora {name} dirigió la inspección, que duró {days} días y no halló defectos.",
        "El puente de {place} no estará listo antes de {year}, dijo {name}, que lo construye.",
    ),
    "fr": (
        "Le bureau de {place} a payé exactement {amount} euros de loyers et d’énergie en {year}.",
        "La part des demandes refusées à {place} est montée à {percent} pour cent.",
        "À la fin de l’année, {count} personnes travaillaient aux archives de {place}.",
        "Madame {name} a mené l’inspection, qui a duré {days} jours et n’a trouvé aucun défaut.",
        "Le pont de {place} ne sera pas prêt avant {year}, a dit {name}, qui le construit.",
    ),
    "it": (
        "L’ufficio di {place} ha pagato esattamente {amount} euro di affitti e luce nel {year}.",
        "La quota delle domande respinte a {place} è salita al {percent} per cento.",
        "Alla fine dell’anno {count} persone lavoravano nell’archivio di {place}, più di prima.",
        "La signora {name} ha guidato l’ispezione, che è durata {days} giorni senza difetti.",
        "Il ponte di {place} non sarà pronto prima del {year}, ha detto {name}, che lo costruisce.",
    ),
}
_MARKS = {
    "de": ("„{}“", "»{}«", "‚{}‘"),
    "en": ("“{}”", '"{}"', "‘{}’"),
    "es": ("«{}»", "“{}”", '"{}"'),
    "fr": ("« {} »", "«\u202f{}\u202f»", "“{}”"),
    "it": ("«{}»", "“{}”", "„{}”"),
}
_LEADS = {
    "de": "Im Bericht steht {} [{}].",
    "en": "The report says {} [{}].",
    "es": "El informe dice {} [{}].",
    "fr": "Le rapport dit {} [{}].",
    "it": "Il rapporto dice {} [{}].",
}
_FIGURES = {
    "de": "Laut Bericht sind es {} {unit} in {place} [{}].",
    "en": "According to the report, there are {} {unit} in {place} [{}].",
    "es": "Según el informe son {} {unit} en {place} [{}].",
    "fr": "Selon le rapport, il y a {} {unit} à {place} [{}].",
    "it": "Secondo il rapporto sono {} {unit} a {place} [{}].",
}
_UNITS = {
    "de": ("Euro", "Prozent", "Menschen", "Tage"),
    "en": ("euros", "percent", "people", "days"),
    "es": ("euros", "por ciento", "personas", "días"),
    "fr": ("euros", "pour cent", "personnes", "jours"),
    "it": ("euro", "per cento", "persone", "giorni"),
}
_NOT = {"de": " nicht", "en": " not", "es": " no", "fr": " pas", "it": " non"}
_GROUPS = {"de": ".", "en": ",", "es": ".", "fr": "\u202f", "it": "."}
_REGIONS = ("Nord", "Süd", "Ost", "West", "Mitte")


class Statement(msgspec.Struct, frozen=True):
    """A sentence of an answer. `kind`: "quote" or "number"; `how` names what was done to it."""

    text: str
    kind: str
    is_true: bool
    how: str


class Case(msgspec.Struct, frozen=True):
    """Passages, results, and what is said of them, in one language."""

    language: str
    shown: tuple[Shown, ...]
    results: tuple[ResultPart, ...]
    statements: tuple[Statement, ...]

    def answer(self) -> tuple[str, list[tuple[int, int]]]:
        """Return all statements as one answer, and where each of them stands."""
        text, spans = "", []
        for statement in self.statements:
            spans.append((len(text), len(text) + len(statement.text)))
            text += f"{statement.text}\n\n"
        return text, spans


class _Fact(msgspec.Struct, frozen=True):
    """A sentence of a passage with what is in it."""

    text: str
    number: int
    values: dict[str, str]
    template: int


def cases(rounds: int) -> list[Case]:
    """Return `rounds` cases for each language."""
    return [
        _case(language, random.Random(f"{SEED} {language} {at}"))
        for language in LANGUAGES
        for at in range(rounds)
    ]


def _case(language: str, rng: random.Random) -> Case:
    facts: list[_Fact] = []
    shown: list[Shown] = []
    places, names = rng.sample(_PLACES, 10), rng.sample(_NAMES, 8)
    for number in (1, 2):
        made = [
            _fact(language, template, number, places.pop(), names[template + number - 1], rng)
            for template in range(5)
        ]
        facts += made
        text = " ".join(fact.text for fact in made)
        source = Source(
            number=number, document_id="doc", document="report.pdf", passage=number, page=number
        )
        shown.append(Shown(source, _set(text, rng), language))
    result = _result(rng)
    statements = [
        *_quotes(language, facts, rng),
        *_figures(language, facts, rng),
        *_cells(language, result, rng),
    ]
    return Case(language, tuple(shown), (result,), tuple(statements))


def _fact(
    language: str, template: int, number: int, place: str, name: str, rng: random.Random
) -> _Fact:
    # Nothing of one fact rounds to, or is part of, what another has.
    base = template + 5 * (number - 1)
    values = {
        "place": place,
        "name": name,
        "year": str(1981 + 4 * base + rng.randrange(4)),
        "amount": _grouped((base + 11) * 1_000_000 + rng.randrange(100_000, 999_999), language),
        "percent": str(31 + 6 * base + rng.randrange(5)),
        "count": str(1_101 + 700 * base + rng.randrange(400)),
        "days": str(401 + 60 * base + rng.randrange(50)),
    }
    return _Fact(_TEMPLATES[language][template].format(**values), number, values, template)


def _grouped(value: int, language: str) -> str:
    return f"{value:,}".replace(",", _GROUPS[language])


def _set(text: str, rng: random.Random) -> str:
    """Return `text` as a page sets it: lines broken, words parted at their ends, ligatures."""
    words = text.replace("fi", "ﬁ").split(" ") if rng.random() < 0.5 else text.split(" ")
    set_: list[str] = []
    for at, word in enumerate(words):
        if at % 9 == 8 and len(word) > 7 and word.isalpha():
            word = f"{word[:4]}-\n{word[4:]}"
        set_.append(word + ("\n" if at % 11 == 10 else " "))
    return "".join(set_).strip()


# --- quotes ---------------------------------------------------------------------------------------


def _quotes(language: str, facts: list[_Fact], rng: random.Random) -> Iterator[Statement]:
    for fact in facts:
        for how, text in _true_quotes(fact, rng):
            yield _quoted(language, fact, text, how, rng, is_true=True)
        for how, text in _false_quotes(language, fact, facts, rng):
            yield _quoted(language, fact, text, how, rng, is_true=False)
        block = f"> {fact.text}\n> [{fact.number}]"
        yield Statement(block, "quote", True, "block")
        other = _other_figure(fact, facts, rng)
        yield Statement(f"> {other}\n> [{fact.number}]", "quote", False, "block, figure")


def _quoted(
    language: str, fact: _Fact, text: str, how: str, rng: random.Random, *, is_true: bool
) -> Statement:
    marks = rng.choice(_MARKS[language])
    if "’" in text and marks[0] in "‘‚":
        marks = _MARKS[language][0]
    said = _LEADS[language].format(marks.format(text), fact.number)
    return Statement(said, "quote", is_true, how)


def _true_quotes(fact: _Fact, rng: random.Random) -> Iterator[tuple[str, str]]:
    words = fact.text.rstrip(".").split(" ")
    start = rng.randrange(0, len(words) - 5)
    yield "whole", fact.text
    yield "piece", " ".join(words[start : start + 5])
    yield "cut", " ".join([*words[:3], "[…]", *words[-3:]])
    yield "cut, dots", " ".join([*words[:4], "...", *words[-2:]])
    yield "straight", fact.text.replace("’", "'").replace("\u202f", "\u00a0").rstrip(".")
    yield "small letter", fact.text[0].lower() + fact.text[1:].rstrip(".")
    yield "emphasis", " ".join([words[0], f"**{words[1]}**", *words[2:]])


def _false_quotes(
    language: str, fact: _Fact, facts: list[_Fact], rng: random.Random
) -> Iterator[tuple[str, str]]:
    words = fact.text.rstrip(".").split(" ")
    middle = rng.randrange(2, len(words) - 2)
    other = rng.choice([each for each in facts if each.template != fact.template])
    strange = rng.choice([each for each in facts if each.number != fact.number]).text.split(" ")
    yield "figure", _other_figure(fact, facts, rng)
    yield "name", _other_name(fact, facts)
    yield "not", " ".join([*words[:middle], *(_NOT[language].split()), *words[middle:]])
    yield "left out", " ".join([*words[:middle], *words[middle + 1 :]])
    yield (
        "turned",
        " ".join([*words[: middle - 1], words[middle], words[middle - 1], *words[middle + 1 :]]),
    )
    yield "added", f"{' '.join(words)} {_UNITS[language][2]}"
    yield "joined", " ".join([*words[:4], *other.text.split(" ")[-4:]])
    yield "cut, turned", " ".join([*words[-3:], "[…]", *words[:3]])
    yield "cut, elsewhere", " ".join([*_around_figure(words), "…", *_around_figure(strange)])
    yield (
        "invented",
        _TEMPLATES[language][fact.template].format(
            place="Krems", name="Novak", year="1850", amount="5", percent="99", count="7", days="3"
        ),
    )


def _around_figure(words: list[str]) -> list[str]:
    at = next(at for at, word in enumerate(words) if any(mark.isdigit() for mark in word))
    return words[at - 1 : at + 2]


def _other_figure(fact: _Fact, facts: list[_Fact], rng: random.Random) -> str:
    """Return the sentence with one digit of its figure another."""
    for name in ("amount", "percent", "count", "days", "year"):
        if f"{{{name}}}" in "".join(_TEMPLATES["en"][fact.template]):
            value = fact.values[name]
            at = rng.choice([i for i, mark in enumerate(value) if mark.isdigit()])
            digit = str((int(value[at]) + rng.randrange(1, 9)) % 10)
            return fact.text.replace(value, value[:at] + digit + value[at + 1 :])
    raise AssertionError(facts)


def _other_name(fact: _Fact, facts: list[_Fact]) -> str:
    other = next(each for each in facts if each.values["place"] != fact.values["place"])
    if fact.values["place"] in fact.text:
        return fact.text.replace(fact.values["place"], other.values["place"])
    return fact.text.replace(fact.values["name"], "Novak")


# --- figures --------------------------------------------------------------------------------------


def _figures(language: str, facts: list[_Fact], rng: random.Random) -> Iterator[Statement]:
    names = ("amount", "percent", "count", "days")
    every = {digits for fact in facts for digits in fact.values.values()}
    for fact in facts[:4] + facts[5:9]:
        name = names[fact.template]
        unit, value = _UNITS[language][fact.template], fact.values[name]
        place = fact.values["place"]
        if place not in fact.text:
            place = fact.values["name"]
        said = [("as it stands", value, True)]
        if name == "amount":
            whole = int("".join(mark for mark in value if mark.isdigit()))
            million = f"{whole / 1_000_000:.1f}".replace(".", "." if language == "en" else ",")
            scale = {"de": "Millionen", "en": "million", "es": "millones", "fr": "millions",
                     "it": "milioni"}[language]  # fmt: skip
            said.append(("rounded", f"{million} {scale}", True))
            said.append(("ten times", _grouped(whole * 10, language), False))
            off = f"{whole / 1_000_000 + 0.4:.1f}".replace(".", "." if language == "en" else ",")
            said.append(("rounded wrongly", f"{off} {scale}", False))
        for _ in range(3):
            false = _changed(value, rng)
            if false not in every:
                said.append(("digit", false, False))
        other = next(f for f in facts if f.template == fact.template and f.number != fact.number)
        if fact.values["place"] in fact.text:
            said.append(("other passage", other.values[name], False))
        for how, figure, is_true in said:
            text = _FIGURES[language].format(figure, fact.number, unit=unit, place=place)
            yield Statement(text, "number", is_true, how)


def _changed(value: str, rng: random.Random) -> str:
    """Return `value` with its first two digits another: no rounding makes it what it was."""
    first, second = [at for at, mark in enumerate(value) if mark.isdigit()][:2]
    marks = list(value)
    marks[first] = str(int(value[first]) % 9 + 1)
    marks[second] = str((int(value[second]) + rng.randrange(1, 9)) % 10)
    return "".join(marks)


# --- cells ----------------------------------------------------------------------------------------


def _result(rng: random.Random) -> ResultPart:
    rows = tuple(
        (region, (at + 2) * 100_000 + rng.randrange(10_000, 90_000))
        for at, region in enumerate(_REGIONS)
    )
    return ResultPart(
        id="call_1",
        title="sales",
        tables=("tbl",),
        sql="SELECT region, sum(amount) AS total FROM sales GROUP BY region",
        columns=(ResultColumn("region", "text"), ResultColumn("total", "number")),
        rows=rows,
        row_count=len(rows),
    )


def _cells(language: str, result: ResultPart, rng: random.Random) -> Iterator[Statement]:
    for at, (region, value) in enumerate(result.rows):
        yield Statement(f"{region}: {_grouped(value, language)}.", "number", True, "cell")
        other = result.rows[(at + 2) % len(result.rows)][1]
        yield Statement(f"{region}: {_grouped(other, language)}.", "number", False, "other row")
        false = int(_changed(str(value), rng))
        yield Statement(f"{region}: {_grouped(false, language)}.", "number", False, "cell, digit")
