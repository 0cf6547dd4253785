"""A query in words, so that whoever asked sees what was understood: column, condition, calculation.

It does not know the result.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tramontane.guide.tables.lexicon import Lexicon
from tramontane.guide.tables.query import Choice, Dimension, Filter, Measure, Query
from tramontane.guide.tables.sql import is_called, period_name
from tramontane.guide.tables.tokens import Period
from tramontane.tools.calendar import MONTHS
from tramontane.tools.numbers import format_number

MOST_CANDIDATES = 12


def describe(query: Query, words: Lexicon) -> str:
    """Return the sentence that says what was understood."""
    say = words.say
    form, kept = "understood", ""
    if query.kept is not None:
        kept = _kept(query.kept, words)
        form = "keeping" if kept else "goes_on"
    # As code: what a table is called is neither a quote nor a number that has to be proven.
    title = " ".join(query.table.title.replace("`", "'").split())
    what = say[form].format(what=_what(query, words), table=title, kept=kept)
    if not query.ignored:
        return what
    named = ", ".join(say["quoted"].format(x=word) for word in query.ignored)
    return f"{what} {say['ignored'].format(words=named)}"


def _kept(kept: Query, words: Lexicon) -> str:
    """Return what a question has from the one before it, in words."""
    return _listed(
        (
            *(
                _share_of(one, words) if kept.kind == "share" else measure_words(one, kept, words)
                for one in kept.measures
            ),
            *(words.say["by"].format(groups=_dimension(one, words)) for one in kept.groups),
            *(_condition(one, words) for one in kept.filters),
        ),
        words,
    )


def _what(query: Query, words: Lexicon) -> str:
    say = words.say
    groups = _listed((_dimension(group, words) for group in query.groups), words)
    measures = _listed((measure_words(m, query, words) for m in query.measures), words)
    by = say["by"].format(groups=groups) if groups else ""
    match query.kind:
        case "rows":
            what = say["rows_list"]
            if query.sort is not None:
                what = f"{what}, {_first(query, words, query.sort.title)}"
        case "list":
            what = say["list"].format(what=groups)
        case "top":
            first = query.measures[0]
            if first.operation in ("min", "max") and first.column is not None:
                measures = first.column.title
            what = f"{groups}, {_first(query, words, measures)}"
        case "share":
            whole = _share_of(query.measures[0], words)
            if query.part:
                part = say["part"].format(part=filters_words(query.part, words))
                whole = f"{whole}, {part}"
            what = f"{whole} {by}".rstrip()
        case "compare":
            one, two = (filters_words((side,), words) for side in query.sides)
            what = f"{measures}, {say['compare'].format(a=one, b=two)}"
        case _:
            what = f"{measures} {by}".rstrip()
    if query.filters:
        what += " " + say["where"].format(filters=filters_words(query.filters, words))
    return what


def _share_of(measure: Measure, words: Lexicon) -> str:
    column = measure.column
    return words.say["share"].format(what=column.title) if column else words.say["share_rows"]


def _first(query: Query, words: Lexicon, what: str) -> str:
    limit = query.limit or 1
    form = ("top" if query.is_descending else "bottom") + ("1" if limit == 1 else "")
    if query.limit is None and query.kind == "rows":
        form = "top" if query.is_descending else "bottom"
    return words.say[form].format(n=limit, what=what)


def measure_words(measure: Measure, query: Query, words: Lexicon) -> str:
    """Return what is calculated, in words."""
    if measure.column is None:
        return words.say["count_of"].format(what=query.table.title)
    return words.say[measure.operation].format(what=measure.column.title)


def _dimension(group: Dimension, words: Lexicon) -> str:
    if group.grain is None or is_called(group, words):
        return group.column.title
    return words.say[f"g_{group.grain}"].format(what=group.column.title)


def filters_words(filters: Sequence[Filter], words: Lexicon) -> str:
    """Return conditions, in words."""
    return _listed((_condition(one, words) for one in filters), words)


def _condition(one: Filter, words: Lexicon) -> str:
    say = words.say
    values = [value_words(value, words) for value in one.values]
    if one.test == "between":
        return say["between"].format(what=one.column.title, value=values[0], other=values[1])
    value = say["or"].join(values)
    if one.test == "within" and one.column.type == "number":
        return say["eq"].format(what=one.column.title, value=value)
    return say[one.test].format(what=one.column.title, value=value)


def value_words(value: Any, words: Lexicon) -> str:
    """Return a value of a condition, as the language writes it."""
    if isinstance(value, Period):
        if value.start is None and value.month is not None:
            return MONTHS[words.language][value.month - 1]
        start, end = value.start, value.end
        if start is not None and end is not None and (end - start).days == 1:
            return day_words(start, words)
        if start is not None and end is not None and start.day == end.day == 1:
            count = (end.year - start.year) * 12 + end.month - start.month
            if count == 1:
                return f"{MONTHS[words.language][start.month - 1]} {start.year}"
        return period_name(value)
    if isinstance(value, bool):
        return words.say["yes" if value else "no"]
    if isinstance(value, int | float | Decimal):
        return format_number(Fraction(value), words.language)[0]
    if isinstance(value, date):
        return day_words(value, words)
    return words.say["quoted"].format(x=value)


def day_words(day: date, words: Lexicon) -> str:
    """Return a day as the language writes it: 5. März 2023."""
    month = MONTHS[words.language][day.month - 1]
    if words.language == "de":
        return f"{day.day}. {month} {day.year}"
    if words.language == "es":
        return f"{day.day} de {month} de {day.year}"
    number = "1er" if words.language == "fr" and day.day == 1 else str(day.day)
    return f"{number} {month} {day.year}"


def _listed(texts: Iterable[str], words: Lexicon) -> str:
    said = list(texts)
    if len(said) < 2:
        return "".join(said)
    return ", ".join(said[:-1]) + words.say["and"] + said[-1]


def question_back(choice: Choice, words: Lexicon) -> str:
    """Return the sentence that asks which meaning was meant."""
    shown = [f"**{title}**" for title in choice.candidates[:MOST_CANDIDATES]]
    if len(choice.candidates) > MOST_CANDIDATES:
        shown.append("…")
    joined = ", ".join(shown)
    if 1 < len(shown) == len(choice.candidates):
        joined = ", ".join(shown[:-1]) + words.say["or"] + shown[-1]
    form = words.say[choice.say]
    return form.format(candidates=joined, word=choice.word, table=f"**{choice.table}**")
