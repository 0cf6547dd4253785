"""Statements about results, true and false ones, made at random in five languages and notations.

A false statement's number is wrong by construction: no cell, sum, share or difference of the
result has it, or another row than the one that the sentence names. Made without the code that is
tested; the same seed makes the same statements.
"""

import random
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

from tramontane.store.messages import ResultColumn, ResultPart

LANGUAGES = ("en", "fr", "de", "es", "it")
NAMES = ("Lyon", "Paris", "Berlin", "Madrid", "Roma", "Nantes", "Graz", "Porto", "Vilnius", "Gent",
         "Brest", "Bergen")  # fmt: skip
QUESTIONS = {
    "en": "What was the revenue by city in 2023?",
    "fr": "Quel était le chiffre d'affaires par ville en 2023 ?",
    "de": "Wie hoch war der Umsatz je Stadt im Jahr 2023?",
    "es": "¿Cuáles fueron los ingresos por ciudad en 2023?",
    "it": "Qual era il fatturato per città nel 2023?",
}
_MONTHS = {
    "en": ("January", "March", "June", "August", "October", "December"),
    "fr": ("janvier", "mars", "juin", "août", "octobre", "décembre"),
    "de": ("Januar", "März", "Juni", "August", "Oktober", "Dezember"),
    "es": ("enero", "marzo", "junio", "agosto", "octubre", "diciembre"),
    "it": ("gennaio", "marzo", "giugno", "agosto", "ottobre", "dicembre"),
}
_MONTH_NUMBERS = (1, 3, 6, 8, 10, 12)
_MILLION = {"en": "million", "fr": "millions", "de": "Mio.", "es": "millones", "it": "milioni"}
# {a}, {b}: names; {x}, {y}: numbers; {d}: a month and year.
SENTENCES: dict[str, dict[str, tuple[str, ...]]] = {
    "one": {
        "en": ("{a} reached {x} euros.", "In 2023 revenue in {a} was {x}.", "- **{a}**: {x}"),
        "fr": ("{a} atteint {x} euros.", "En 2023, {a} a réalisé {x}.", "- **{a}** : {x}"),
        "de": ("{a} kam auf {x} Euro.", "Im Jahr 2023 waren es in {a} {x}.", "- **{a}**: {x}"),
        "es": ("{a} alcanzó {x} euros.", "En 2023, {a} logró {x}.", "- **{a}**: {x}"),
        "it": ("{a} ha raggiunto {x} euro.", "Nel 2023 {a} ha fatto {x}.", "- **{a}**: {x}"),
    },
    "two": {
        "en": ("{a} had {x} and {b} {y}.", "| {a} | {x} |\n| {b} | {y} |"),
        "fr": ("{a} a fait {x} et {b} {y}.", "| {a} | {x} |\n| {b} | {y} |"),
        "de": ("{a} hatte {x} und {b} {y}.", "| {a} | {x} |\n| {b} | {y} |"),
        "es": ("{a} tuvo {x} y {b} {y}.", "| {a} | {x} |\n| {b} | {y} |"),
        "it": ("{a} ha avuto {x} e {b} {y}.", "| {a} | {x} |\n| {b} | {y} |"),
    },
    "total": {
        "en": ("The total is {x}.", "Altogether that makes {x} euros."),
        "fr": ("Le total est de {x}.", "Au total, cela fait {x} euros."),
        "de": ("Insgesamt sind es {x}.", "Zusammen ergibt das {x} Euro."),
        "es": ("El total es {x}.", "En total son {x} euros."),
        "it": ("Il totale è {x}.", "In tutto sono {x} euro."),
    },
    "difference": {
        "en": ("{a} ({x}) is ahead of {b} ({y}), a difference of {z}.",),
        "fr": ("{a} ({x}) devance {b} ({y}), soit une différence de {z}.",),
        "de": ("{a} ({x}) liegt vor {b} ({y}), die Differenz beträgt {z}.",),
        "es": ("{a} ({x}) supera a {b} ({y}), una diferencia de {z}.",),
        "it": ("{a} ({x}) supera {b} ({y}), con una differenza di {z}.",),
    },
    "share": {
        "en": ("{a} has a share of {x}.",),
        "fr": ("{a} a une part de {x}.",),
        "de": ("{a} hat einen Anteil von {x}.",),
        "es": ("{a} tiene una cuota de {x}.",),
        "it": ("{a} ha una quota di {x}.",),
    },
    "month": {
        "en": ("In {d} it was {x}.",),
        "fr": ("En {d}, c'était {x}.",),
        "de": ("Im {d} waren es {x}.",),
        "es": ("En {d} fueron {x}.",),
        "it": ("A {d} erano {x}.",),
    },
}


class Statement(NamedTuple):
    """A text about a result, and which of its numbers are false: their texts in their order."""

    text: str
    question: str
    language: str
    result: ResultPart
    false: list[str]


def written(value: Decimal, language: str, r: random.Random, decimals: int | None = None) -> str:
    """Return a number as that language writes it, in one of its notations."""
    if decimals is not None:
        value = value.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    text = f"{abs(value):,f}"
    groups = {
        "en": (",",), "fr": ("\u202f", "\u00a0", " "), "de": (".", "\u00a0", "'"),
        "es": (".", "\u00a0"), "it": (".",),
    }  # fmt: skip
    point = "." if language == "en" else ","
    group = r.choice(groups[language])
    whole, _, fraction = text.partition(".")
    said = whole.replace(",", group) + (point + fraction if fraction else "")
    return ("−" if r.random() < 0.5 else "-") + said if value < 0 else said


def statements(count: int, seed: str) -> Iterator[Statement]:
    """Yield `count` statements, half of them with something false."""
    r = random.Random(seed)
    for n in range(count):
        language = LANGUAGES[n % 5]
        kind = r.choice(tuple(SENTENCES))
        yield _made(kind, language, n % 2 == 1, r)


def _made(kind: str, language: str, is_false: bool, r: random.Random) -> Statement:
    if kind == "month":
        return _month(language, is_false, r)
    names = r.sample(NAMES, r.randint(4, 7))
    if kind == "share":
        return _share(names, language, is_false, r)
    places = r.choice((0, 0, 1, 2))
    values = [Decimal(r.randint(1_200, 9_999_999)).scaleb(-places) for _ in names]
    columns = (ResultColumn("city", "text"), ResultColumn("revenue", "number"))
    rows = tuple((n, float(v) if places else int(v)) for n, v in zip(names, values, strict=True))
    result = _part(columns, rows)
    form = r.choice(SENTENCES[kind][language])
    said: dict[str, str] = {"a": names[0], "b": names[1]}
    (a, b), false = values[:2], list[str]()

    def tell(key: str, value: Decimal) -> None:
        said[key] = written(value, language, r, r.choice((None, None, min(places, 1))))

    def lie(key: str, value: Decimal) -> None:
        said[key] = written(_wrong(value, values, r), language, r)
        false.append(said[key])

    if kind == "total":
        (lie if is_false else tell)("x", sum(values, Decimal()))
    elif kind == "difference":
        tell("x", a)
        tell("y", b)
        (lie if is_false else tell)("z", abs(a - b))
    elif kind == "two":
        if is_false and r.random() < 0.4:  # each has the other's
            tell("x", b)
            tell("y", a)
            false += [said["x"], said["y"]]
        else:
            tell("x", a)
            (lie if is_false else tell)("y", b)
    elif is_false and r.random() < 0.4:  # another row's number
        tell("x", r.choice(values[1:]))
        false.append(said["x"])
    elif is_false:
        lie("x", a)
    elif a > 2_000_000 and r.random() < 0.5:
        said["x"] = f"{written(a.scaleb(-6), language, r, 2)} {_MILLION[language]}"
    else:
        tell("x", a)
    return Statement(form.format(**said), QUESTIONS[language], language, result, false)


def _share(names: list[str], language: str, is_false: bool, r: random.Random) -> Statement:
    shares = [Decimal(r.randint(1, 9_999)) / 100 for _ in names]
    columns = (ResultColumn("city", "text"), ResultColumn("share", "number"))
    result = _part(columns, tuple((n, float(s)) for n, s in zip(names, shares, strict=True)))
    value = shares[0]
    if is_false:
        value = _wrong(value, [*shares, *(s / sum(shares) * 100 for s in shares)], r) % 100
        value = value.quantize(Decimal("0.01"))
        if any(abs(value - one) < Decimal("0.02") for one in shares):
            value += Decimal("0.07")
    text = written(value, language, r, 2 if is_false else r.choice((1, 2)))
    said = f"{text}{r.choice(('%', ' %', chr(0xA0) + '%'))}"
    form = r.choice(SENTENCES["share"][language])
    false = [said] if is_false else []
    return Statement(form.format(a=names[0], x=said), QUESTIONS[language], language, result, false)


def _month(language: str, is_false: bool, r: random.Random) -> Statement:
    values = [Decimal(r.randint(2_300, 999_999)) for _ in _MONTH_NUMBERS]
    columns = (ResultColumn("month", "date"), ResultColumn("revenue", "number"))
    rows = tuple(
        (f"2023-{month:02}-01", int(v)) for month, v in zip(_MONTH_NUMBERS, values, strict=True)
    )
    result = _part(columns, rows)
    at = r.randrange(len(values))
    value, year = values[at], "2023"
    false = []
    if is_false and r.random() < 0.5:
        value = r.choice([v for v in values if v != value])
        false = [text := written(value, language, r)]
    elif is_false:
        false = [text := written(_wrong(value, values, r), language, r)]
    else:
        text = written(value, language, r)
    day = f"{_MONTHS[language][at]} {'de ' if language == 'es' else ''}{year}"
    form = r.choice(SENTENCES["month"][language])
    said = form.format(d=day, x=text)
    return Statement(said, QUESTIONS[language], language, result, false)


def _wrong(value: Decimal, values: list[Decimal], r: random.Random) -> Decimal:
    """Return a number near `value` that nothing in the result comes to."""
    true = [*values, sum(values, Decimal()), *(abs(a - b) for a in values for b in values)]
    while True:
        factor = Decimal(r.choice((3, 7, 13, 17, 23, 170))) / 10
        wrong = (value * factor + r.randint(3, 40)).quantize(Decimal(1).scaleb(_places(value)))
        shown = int(wrong)
        is_year = 1000 <= shown <= 2200
        if not is_year and all(abs(wrong - one) > max(Decimal(1), one / 500) for one in true):
            return wrong


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    return min(0, exponent)


def _part(columns: tuple[ResultColumn, ...], rows: tuple[tuple[object, ...], ...]) -> ResultPart:
    sql = "SELECT city, sum(revenue) FROM orders WHERE year = 2023 GROUP BY 1"
    return ResultPart(
        id="call_1", title="Orders", tables=("orders",), sql=sql, columns=columns, rows=rows,
        row_count=len(rows),
    )  # fmt: skip
