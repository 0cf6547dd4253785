"""Which chart suits a result: a Vega-Lite specification without its data, chosen by types.

Time makes a line, categories sorted bars, two numbers points, shares one stacked bar; a single
number makes none. The title says what stands out where the rows prove it. It does not know where
the rows came from, nor how a chart is drawn.
"""

import math
import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Protocol

from tramontane.tools.calendar import MONTHS
from tramontane.tools.numbers import format_number

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
MOST_CATEGORIES = 50
MOST_COLOURS = 10
MOST_SHARES = 8
MOST_COLUMNS = 6
MOST_POINTS = 10_000

_SHARE = re.compile(
    r"%|share|percent|part\b|proportion|anteil|prozent|cuota|porcentaje|quota", re.I
)
_PERCENTUALE = re.compile(r"percentual|proporci|proporzion|pourcent|participaci", re.I)
_HIGHEST = {
    "en": "{what}: highest for {where} ({value})",
    "fr": "{what} : le plus élevé pour {where} ({value})",
    "de": "{what}: am höchsten bei {where} ({value})",
    "es": "{what}: el valor más alto es el de {where} ({value})",
    "it": "{what}: il valore più alto è di {where} ({value})",
}
_PEAK = {
    "en": "{what}: highest in {where} ({value})",
    "fr": "{what} : maximum en {where} ({value})",
    "de": "{what}: Höchststand {where} ({value})",
    "es": "{what}: máximo en {where} ({value})",
    "it": "{what}: massimo in {where} ({value})",
}
_OF = {
    "en": "{n} largest of {all}",
    "fr": "{n} plus grands sur {all}",
    "de": "{n} größte von {all}",
    "es": "{n} mayores de {all}",
    "it": "{n} maggiori su {all}",
}


class Column(Protocol):
    """A column of a result; `type` is number, text, date, moment or truth."""

    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...


def chart(
    columns: Sequence[Column],
    rows: Sequence[Sequence[Any]],
    language: str = "en",
    *,
    is_truncated: bool = False,
) -> dict[str, Any] | None:
    """Return the specification; None where no chart would say more than the rows.

    `is_truncated`: these are not all rows, so nothing is said of what is highest.
    """
    if not 2 <= len(columns) <= MOST_COLUMNS or len(rows) < 2:
        return None
    kinds = _Kinds(columns, rows)
    if not kinds.numbers:
        return None
    spec = _over_time(kinds) or _by_category(kinds, language) or _as_points(kinds)
    if spec is None:
        return None
    title = None if is_truncated else _finding(kinds, spec, language)
    return {"$schema": SCHEMA, "title": title or _plain_title(kinds), **spec}


class _Kinds:
    """The columns sorted by what a chart can do with them, as places."""

    def __init__(self, columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> None:
        self.columns, self.rows = columns, rows
        at = range(len(columns))
        self.times = [i for i in at if columns[i].type in ("date", "moment") or self._is_year(i)]
        self.texts = [i for i in at if columns[i].type in ("text", "truth")]
        self.numbers = [i for i in at if columns[i].type == "number" and i not in self.times]

    def name(self, at: int) -> str:
        return self.columns[at].name

    def distinct(self, at: int) -> int:
        return len({row[at] for row in self.rows})

    def _is_year(self, at: int) -> bool:
        """Whether the first column holds years, each once."""
        if at or self.columns[at].type != "number":
            return False
        said = [row[at] for row in self.rows if row[at] is not None]
        return (
            bool(said)
            and all(1000 <= value <= 2200 and value == int(value) for value in said)
            and len(set(said)) == len(said)
        )


def _field(name: str) -> str:
    """Return a column's name as Vega-Lite takes it: dots and brackets are paths to it."""
    return re.sub(r"([\\.\[\]'\"])", r"\\\1", name)


def _channel(kinds: _Kinds, at: int, kind: str, **more: Any) -> dict[str, Any]:
    return {"field": _field(kinds.name(at)), "type": kind, "title": kinds.name(at), **more}


def _tooltip(kinds: _Kinds, *places: int) -> list[dict[str, Any]]:
    types = {"number": "quantitative", "date": "temporal", "moment": "temporal"}
    return [
        _channel(kinds, at, types.get(kinds.columns[at].type, "nominal"))
        if at not in kinds.times or kinds.columns[at].type != "number"
        else _channel(kinds, at, "ordinal")
        for at in places
    ]


def _over_time(kinds: _Kinds) -> dict[str, Any] | None:
    if not kinds.times or len(kinds.rows) > MOST_POINTS:
        return None
    when, value = kinds.times[0], kinds.numbers[0]
    is_year = kinds.columns[when].type == "number"
    encoding = {
        "x": _channel(kinds, when, "ordinal" if is_year else "temporal"),
        "y": _channel(kinds, value, "quantitative"),
        "tooltip": _tooltip(kinds, when, value),
    }
    if kinds.texts:
        colour = kinds.texts[0]
        if len(kinds.texts) > 1 or kinds.distinct(colour) > MOST_COLOURS:
            return None
        encoding["color"] = _channel(kinds, colour, "nominal")
        encoding["tooltip"] = _tooltip(kinds, when, colour, value)
    elif kinds.distinct(when) < len(kinds.rows):
        return {"mark": {"type": "point"}, "encoding": encoding}  # several values at one time
    return {
        "mark": {"type": "line", "point": len(kinds.rows) <= MOST_CATEGORIES},
        "encoding": encoding,
    }


def _by_category(kinds: _Kinds, language: str) -> dict[str, Any] | None:
    if not kinds.texts or kinds.times:
        return None
    category, value = kinds.texts[0], kinds.numbers[0]
    if len(kinds.texts) == 2:
        return _in_groups(kinds, kinds.texts[0], kinds.texts[1], value)
    if len(kinds.texts) > 2 or kinds.distinct(category) < len(kinds.rows):
        return None
    tooltip = _tooltip(kinds, category, value)
    if _are_shares(kinds, value) and len(kinds.rows) <= MOST_SHARES:
        return {
            "mark": {"type": "bar"},
            "encoding": {
                "x": _channel(kinds, value, "quantitative", stack="zero"),
                "color": _channel(kinds, category, "nominal", sort=None),
                "order": {"field": _field(kinds.name(value)), "sort": "descending"},
                "tooltip": tooltip,
            },
        }
    spec: dict[str, Any] = {
        "mark": {"type": "bar"},
        "encoding": {
            "y": _channel(kinds, category, "nominal", sort="-x"),
            "x": _channel(kinds, value, "quantitative"),
            "tooltip": tooltip,
        },
    }
    if len(kinds.rows) > MOST_CATEGORIES:
        of = _OF.get(language, _OF["en"]).format(n=MOST_CATEGORIES, all=len(kinds.rows))
        spec["encoding"]["y"]["title"] = f"{kinds.name(category)} ({of})"
        order = [{"field": _field(kinds.name(value)), "order": "descending"}]
        spec["transform"] = [
            {"window": [{"op": "row_number", "as": "__rank"}], "sort": order},
            {"filter": f"datum.__rank <= {MOST_CATEGORIES}"},
        ]
    return spec


def _in_groups(kinds: _Kinds, first: int, second: int, value: int) -> dict[str, Any] | None:
    if kinds.distinct(second) > MOST_COLOURS:
        first, second = second, first
    if kinds.distinct(second) > MOST_COLOURS or kinds.distinct(first) > MOST_CATEGORIES:
        return None
    if len({(row[first], row[second]) for row in kinds.rows}) < len(kinds.rows):
        return None
    return {
        "mark": {"type": "bar"},
        "encoding": {
            "y": _channel(kinds, first, "nominal", sort="-x"),
            "yOffset": {"field": _field(kinds.name(second))},
            "x": _channel(kinds, value, "quantitative"),
            "color": _channel(kinds, second, "nominal"),
            "tooltip": _tooltip(kinds, first, second, value),
        },
    }


def _as_points(kinds: _Kinds) -> dict[str, Any] | None:
    if kinds.texts or kinds.times or len(kinds.numbers) != 2 or len(kinds.rows) > MOST_POINTS:
        return None
    x, y = kinds.numbers
    return {
        "mark": {"type": "point"},
        "encoding": {
            "x": _channel(kinds, x, "quantitative", scale={"zero": False}),
            "y": _channel(kinds, y, "quantitative", scale={"zero": False}),
            "tooltip": _tooltip(kinds, x, y),
        },
    }


def _are_shares(kinds: _Kinds, at: int) -> bool:
    name = kinds.name(at)
    if not (_SHARE.search(name) or _PERCENTUALE.search(name)):
        return False
    said = [float(row[at]) for row in kinds.rows if row[at] is not None]
    return all(value >= 0 for value in said) and any(
        abs(sum(said) - full) <= full / 200 for full in (1, 100)
    )


# --- titles --------------------------------------------------------------------------------------


def _plain_title(kinds: _Kinds) -> str:
    return " · ".join(column.name for column in kinds.columns[:3])


def _finding(kinds: _Kinds, spec: dict[str, Any], language: str) -> str | None:
    """Return where the value is highest; None where that is not one place alone."""
    if spec["mark"]["type"] == "point" or len(kinds.texts) + len(kinds.times) != 1:
        return None
    value = kinds.numbers[0]
    known = [row for row in kinds.rows if _is_finite(row[value])]
    if len(known) < 2:
        return None
    best = max(known, key=lambda row: row[value])
    if sum(row[value] == best[value] for row in known) > 1:
        return None
    is_time = bool(kinds.times)
    at = kinds.times[0] if is_time else kinds.texts[0]
    if best[at] is None or best[at] == "":
        return None
    forms = _PEAK if is_time else _HIGHEST
    where = _moment(best[at], [row[at] for row in kinds.rows], language) if is_time else best[at]
    return forms.get(language, forms["en"]).format(
        what=kinds.name(value), where=where, value=_number(best[value], language)
    )


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and math.isfinite(value)


def _number(value: Any, language: str) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    exact = Fraction(value)
    if exact.denominator != 1:
        exact = Fraction(round(Decimal(exact.numerator) / exact.denominator, 2))
    return format_number(exact, language)[0]


def _moment(value: Any, every: Sequence[Any], language: str) -> str:
    """Return a time, no finer than the times beside it."""
    if not isinstance(value, date | str):
        return str(int(value))
    said = [str(other) for other in every if other is not None]
    day = value if isinstance(value, date) else _read_day(value)
    if day is None or not all(text[8:10] == "01" and len(text) <= 19 for text in said):
        return str(value)[:16].replace("T", " ").removesuffix(" 00:00")
    if all(text[5:7] == "01" for text in said):
        return str(day.year)
    return f"{MONTHS.get(language, MONTHS['en'])[day.month - 1]} {day.year}"


def _read_day(text: str) -> date | None:
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        return None
