"""The answer to a question to a table, in words: every number in it is a cell of the result.

It does not calculate; what is not in the result is not said.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import msgspec

from tramontane.guide.tables.asking import Asked
from tramontane.guide.tables.describing import day_words, measure_words
from tramontane.guide.tables.lexicon import Lexicon, lexicon
from tramontane.guide.tables.query import Query
from tramontane.tools.calendar import MONTHS
from tramontane.tools.numbers import format_number

MOST_ITEMS = 10
MOST_RANKED = 12


class ResultColumn(msgspec.Struct, frozen=True):
    """`type`: "number", "text", "date", "moment", "truth"."""

    name: str
    type: str = "text"


class Result(msgspec.Struct, frozen=True):
    """What the SQL gave, as the tool `query_table` tells it."""

    columns: list[ResultColumn]
    rows: list[list[Any]]
    row_count: int = 0
    is_truncated: bool = False


def tell(asked: Asked, result: Result, language: str) -> str:
    """Return the answer in Markdown, in the notation of `language`; what was understood follows."""
    words = lexicon(language)
    said = _told(asked.query, result, words)
    return f"{said}\n\n{asked.understood}"


def _told(query: Query, result: Result, words: Lexicon) -> str:
    say = words.say
    if not result.rows or not result.rows[0]:
        return say["nothing"]
    if query.kind == "compare":
        return _compared(result, words)
    if query.kind == "share" and query.part and not query.groups:
        return _share(result, words)
    if query.kind == "rows":
        return _rows(query, result, words)
    if query.kind == "list":
        return _list(result, words)
    if query.groups:
        return (
            _ranked(query, result, words) if query.kind == "top" else _groups(query, result, words)
        )
    return _total(query, result, words)


def _total(query: Query, result: Result, words: Lexicon) -> str:
    row = result.rows[0]
    if all(value is None for value in row):
        return words.say["no_value"]
    lines = [
        words.say["one"].format(
            value=shown(value, words), what=_capital(measure_words(measure, query, words))
        )
        for measure, value in zip(query.measures, row, strict=False)
    ]
    return "\n\n".join(lines)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _share(result: Result, words: Lexicon) -> str:
    share, part, whole = result.rows[0][:3]
    if share is None:
        return words.say["no_value"]
    return words.say["share_told"].format(
        value=shown(share, words), part=shown(part, words), whole=shown(whole, words)
    )


def _compared(result: Result, words: Lexicon) -> str:
    row = result.rows[0]
    names = [column.name for column in result.columns]
    said = words.say["compare_told"].format(
        a=names[0], x=shown(row[0], words), b=names[1], y=shown(row[1], words),
        difference=_signed(row[2], words),
    )  # fmt: skip
    if row[3] is not None:
        said += words.say["change_told"].format(change=_signed(row[3], words))
    return f"{said}."


def _ranked(query: Query, result: Result, words: Lexicon) -> str:
    count = len(query.groups)
    lines = [
        words.say["first_told"].format(
            where=_where(row[:count], query, words), value=shown(row[count], words)
        )
        for row in result.rows[:MOST_RANKED]
    ]
    if len(lines) == 1:
        return f"{lines[0]}."
    return "\n".join(f"{n}. {line}" for n, line in enumerate(lines, 1))


def _groups(query: Query, result: Result, words: Lexicon) -> str:
    """Return the groups one by one where they are few, else the highest and the lowest."""
    count = len(query.groups)
    unit = " %" if query.kind == "share" else ""
    if len(result.rows) <= MOST_RANKED and not result.is_truncated:
        lines = [
            words.say["first_told"].format(
                where=_where(row[:count], query, words), value=shown(row[count], words) + unit
            )
            for row in result.rows
        ]
        return "\n".join(f"- {line}" for line in lines)
    known = [row for row in result.rows if isinstance(row[count], int | float)]
    whole = result.row_count in (0, len(result.rows)) and not result.is_truncated
    if not known or not whole:
        return words.say["rows_told"].format(n=shown(result.row_count, words))
    best = max(known, key=lambda row: row[count])
    worst = min(known, key=lambda row: row[count])
    highest = words.say["highest"].format(
        where=_where(best[:count], query, words), value=shown(best[count], words) + unit
    )
    lowest = words.say["lowest"].format(
        where=_where(worst[:count], query, words), value=shown(worst[count], words) + unit
    )
    return f"{highest}; {lowest}."


def _rows(query: Query, result: Result, words: Lexicon) -> str:
    names = [column.name for column in result.columns]
    label = _label(query, names)
    if query.sort is not None and query.sort.name in names and label is not None:
        at = names.index(query.sort.name)
        lines = [
            words.say["first_told"].format(
                where=shown(row[label], words), value=f"{query.sort.title} {shown(row[at], words)}"
            )
            for row in result.rows[:MOST_RANKED]
        ]
        if len(lines) == 1:
            return f"{lines[0]}."
        return "\n".join(f"{n}. {line}" for n, line in enumerate(lines, 1))
    if label is None:
        return words.say["rows_told"].format(n=shown(_count(result), words))
    return _listed([row[label] for row in result.rows], result, words)


def _label(query: Query, names: Sequence[str]) -> int | None:
    """Return where the column stands that people know rows by."""
    texts = [c for c in query.table.columns if c.type == "text" and c.name in names]
    rows = query.table.row_count
    unique = [c for c in texts if c.distinct is not None and c.distinct >= rows > 0]
    best = next(iter([*unique, *texts]), None)
    return None if best is None else names.index(best.name)


def _list(result: Result, words: Lexicon) -> str:
    if len(result.columns) > 1:
        return words.say["rows_told"].format(n=shown(_count(result), words))
    return _listed([row[0] for row in result.rows], result, words)


def _listed(values: Sequence[Any], result: Result, words: Lexicon) -> str:
    items = ", ".join(shown(value, words) for value in values[:MOST_ITEMS])
    if len(values) == 1 and _count(result) == 1:
        return f"**{items}**"
    count = words.say["items_count"].format(n=shown(_count(result), words))
    form = "list_many" if _count(result) > MOST_ITEMS else "list_told"
    if form == "list_many":
        count = shown(_count(result), words)
    return words.say[form].format(count=count, items=items)


def _count(result: Result) -> int:
    return result.row_count or len(result.rows)


def _where(values: Sequence[Any], query: Query, words: Lexicon) -> str:
    said = []
    for value, group in zip(values, query.groups, strict=False):
        day = _day(value) if group.grain in ("quarter", "month") else None
        if day is None:
            said.append(shown(value, words, is_name=True))
        elif group.grain == "quarter":
            said.append(f"Q{(day.month + 2) // 3} {day.year}")
        else:
            said.append(f"{MONTHS[words.language][day.month - 1]} {day.year}")
    return ", ".join(said)


# --- cells ---------------------------------------------------------------------------------------


def shown(value: Any, words: Lexicon, *, is_name: bool = False) -> str:
    """Return a cell as the language writes it; `is_name`: a number is not grouped (2023)."""
    if value is None or value == "":
        return words.say["none"]
    if isinstance(value, bool):
        return words.say["yes" if value else "no"]
    if isinstance(value, int | float | Decimal):
        return str(value) if is_name and isinstance(value, int) else _number(value, words)
    if (day := _day(value)) is not None and isinstance(value, str | date):
        return _date(value, day, words)
    return _plain(str(value))


def _number(value: float | Decimal, words: Lexicon) -> str:
    exact = Decimal(str(value))
    if not exact.is_finite():
        return str(value)
    size = abs(exact)
    if exact != exact.to_integral_value():
        places = 2 if size >= 1 or size == 0 else min(10, 1 - size.adjusted())
        exact = exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    return format_number(Fraction(exact), words.language)[0]


def _signed(value: Any, words: Lexicon) -> str:
    text = shown(value, words)
    is_more = isinstance(value, int | float) and value > 0
    return f"+{text}" if is_more else text


def _date(value: Any, day: date, words: Lexicon) -> str:
    text = str(value)
    time = text[11:16] if len(text) >= 16 else ""
    said = day_words(day, words)
    return f"{said} {time}" if time not in ("", "00:00") else said


def _day(value: Any) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, str) and len(value) >= 10 and value[4] == value[7] == "-":
        try:
            return datetime.fromisoformat(value).date()
        except ValueError:
            return None
    return None


def _plain(text: str) -> str:
    """Return a text cell so that it is no Markdown: a value is data, whatever it looks like."""
    flat = " ".join(text.split())
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#~!" else c for c in flat[:200])
