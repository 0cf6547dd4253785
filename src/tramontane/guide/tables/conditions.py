"""The conditions of a question: periods, comparisons with numbers, values of columns, parts of
texts, yes and no. Each takes its words out of the reading; what fits two columns becomes a Choice.
"""

import re
from collections.abc import Iterable

from tramontane.guide.conversation import ColumnFacts
from tramontane.guide.tables.linking import Mention, Target, compare
from tramontane.guide.tables.query import Choice, Filter, Test
from tramontane.guide.tables.reading import TIMES, Reading, same_column
from tramontane.guide.tables.tokens import Period, Tag
from tramontane.text.stems import folded

_NUMBER_TESTS: dict[str, Test] = {"more": "gt", "at_least": "ge", "less": "lt", "at_most": "le"}
_TIME_TESTS: dict[str, Test] = {
    "after": "after", "since": "since", "before": "before", "until": "until",
    "more": "after", "less": "before", "at_least": "since", "at_most": "until",
}  # fmt: skip
_NEAR = 6


class Unsure(Exception):
    """More than one meaning fits, or none: ask back."""

    def __init__(self, choice: Choice) -> None:
        super().__init__(choice.say)
        self.choice = choice


def conditions(reading: Reading) -> list[Filter]:
    """Return the filters of a question in their order. Raises Unsure."""
    found = [*_of_periods(reading), *_of_numbers(reading)]
    found += _of_texts(reading)
    found += _of_values(reading)
    found += _of_truths(reading)
    found += _of_gaps(reading)
    return found


# --- time ----------------------------------------------------------------------------------------


def _of_periods(reading: Reading) -> list[Filter]:
    places = [
        i for i, t in enumerate(reading.tokens) if t.kind == "period" and i not in reading.used
    ]
    places = [i for i in places if not _is_number(reading, i)]
    if not places:
        return []
    column = _time_column(reading, places)
    plain: list[Period] = []
    found: list[Filter] = []
    skip: set[int] = set()
    for n, i in enumerate(places):
        if i in skip:
            continue
        period = reading.tokens[i].period
        assert period is not None
        if n + 1 < len(places) and (whole := _range(reading, i, places[n + 1])) is not None:
            skip.add(places[n + 1])
            found.append(Filter(column, "within", (whole,)))
            continue
        tag = _before(reading, i, "after", "since", "before", "until", "more", "less", "at_least",
                      "at_most", "not")  # fmt: skip
        reading.take(i)
        if tag is None:
            plain.append(period)
            continue
        reading.take(tag)
        test: Test = "outside" if tag.concept == "not" else _TIME_TESTS[tag.concept]
        found.append(Filter(column, test, (period,)))
    if plain:
        found.append(Filter(column, "within", tuple(_joined(plain))))
    return found


def _joined(periods: list[Period]) -> list[Period]:
    """Return periods where a month without a year and a year ("in March … of 2024") are one."""
    years = [p for p in periods if p.years is not None]
    parts = [p for p in periods if p.start is None]
    if len(years) == 1 and len(parts) == 1 and len(periods) == 2 and parts[0].month is not None:
        from_, month = years[0].start, parts[0].month
        assert from_ is not None
        start = from_.replace(month=month)
        end = start.replace(year=start.year + month // 12, month=month % 12 + 1)
        return [Period(start, end)]
    return periods


def _is_number(reading: Reading, i: int) -> bool:
    """Whether what looks like a year is a number: "amount over 2000"."""
    token = reading.tokens[i]
    if token.number is None:
        return False
    if _before(reading, i, "more", "less", "at_least", "at_most") is None:
        return False
    numeric = [m for m in reading.free("number") if abs(m.first - i) <= _NEAR]
    return bool(numeric) or not reading.times


def _range(reading: Reading, i: int, j: int) -> Period | None:
    """Return the stretch from period `i` to period `j` where the words between say so."""
    a, b = reading.tokens[i].period, reading.tokens[j].period
    assert a is not None and b is not None
    between = _before(reading, i, "between", "from")
    if between is None or j - i > 4 or (between.concept == "between" and reading.has("compare")):
        return None
    join = "and" if between.concept == "between" else "to"
    joins = [t for t in reading.all(join) if i < t.first and t.last < j]
    if not joins:
        return None
    if a.start is None and a.month is not None and b.start is not None:  # "January to March 2024"
        start = b.start.replace(month=a.month, day=1)
    elif a.start is not None:
        start = a.start
    else:
        return None
    if b.end is None or start >= b.end:
        return None
    reading.take(between, joins[0], i, j)
    return Period(start, b.end)


def _time_column(reading: Reading, places: list[int]) -> ColumnFacts:
    """Return the column that the periods are about: the nearest one named, else the only one."""
    word = reading.tokens[places[0]].text
    named = reading.free(*TIMES, "year")
    for mention in named:  # "opened" may be a date and a value: beside a period it is the date
        reading.used.difference_update(mention.tokens)
    if named:
        best = min(named, key=lambda m: min(abs(m.first - i) for i in places))
        column = best.column
        assert column is not None
        is_group = _before(reading, best.first, "by", "which") is not None
        if reading.grain_of(best) is None and not is_group:
            reading.take(best)
        return column
    for mention in reading.free("value"):
        for target in mention.targets:
            if target.kind == "column" and target.column and target.column.type in TIMES:
                reading.take(mention)
                return target.column
    columns = reading.times
    whole_years = all(
        (p := reading.tokens[i].period) is not None and p.years is not None for i in places
    )
    if not whole_years:
        columns = [c for c in columns if c.type in TIMES]
    chosen = reading.choices.get("time")
    columns = [c for c in columns if c.title == chosen] or columns
    if len(columns) == 1:
        return columns[0]
    titles = tuple(c.title for c in columns)
    if not columns:
        every = tuple(c.title for c in reading.table.columns)
        raise Unsure(Choice("no_date", "none", every, word, reading.table.title))
    raise Unsure(Choice("ask_date", "time", titles, word, reading.table.title))


# --- numbers -------------------------------------------------------------------------------------


def _of_numbers(reading: Reading) -> list[Filter]:
    found = []
    for tag in reading.all("between", "from", "more", "at_least", "less", "at_most"):
        places = _operands(reading, tag)
        if not places:
            continue
        values = [n for i in places if (n := reading.tokens[i].number) is not None]
        if tag.concept in ("between", "from"):
            join = "and" if tag.concept == "between" else "to"
            joins = [t for t in reading.all(join) if places[0] < t.first < places[-1]]
            if len(places) < 2 or not joins:
                continue
            reading.take(joins[0])
            column = _number_column(reading, tag, places[-1])
            found.append(Filter(column, "between", (min(values[:2]), max(values[:2]))))
        else:
            places, values = places[:1], values[:1]
            column = _number_column(reading, tag, places[0])
            found.append(Filter(column, _NUMBER_TESTS[tag.concept], (values[0],)))
        reading.take(tag, *places)
    return found


def _operands(reading: Reading, tag: Tag) -> list[int]:
    """Return where the numbers stand that a comparison is with."""
    wanted = 2 if tag.concept in ("between", "from") else 1
    found: list[int] = []
    for i in range(tag.first, min(tag.last + 3 * wanted, len(reading.tokens))):
        token = reading.tokens[i]
        if i in reading.used:
            continue
        if token.number is not None:
            found.append(i)
        elif i > tag.last and not found and token.word not in reading.words.small:
            break
        if len(found) == wanted:
            break
    return found if len(found) == wanted else []


def _number_column(reading: Reading, tag: Tag, last: int) -> ColumnFacts:
    """Return the column that is compared with a number: the one named beside it."""
    named = reading.free("number", "year")
    behind = [m for m in named if last < m.first <= last + 4]
    behind = [m for m in behind if reading.only_small(last + 1, m.first - 1, _units(reading))]
    before = [m for m in named if tag.first - _NEAR <= m.last < tag.first]
    chosen = [m for m in named if m.column and m.column.title == reading.choices.get("number")]
    mention = next(iter([*chosen, *behind[:1], *before[::-1], *named]), None)
    if mention is None and (told := _by_unit(reading, last)) is not None:
        return told
    if mention is not None and mention.column is not None:
        _settle(mention, "number")
        calculates = reading.has("mean", "median", "sum", "high", "low", "share", "compare")
        if mention in behind or mention in before or len(named) > 1 or not calculates:
            reading.take(mention)
        return mention.column
    if len(reading.numbers) == 1:
        return reading.numbers[0]
    for column in reading.numbers:
        if column.title == reading.choices.get("number"):
            return column
    titles = tuple(c.title for c in reading.numbers)
    raise Unsure(Choice("ask_column", "number", titles, "", reading.table.title))


def units(column: ColumnFacts) -> set[str]:
    """Return the words that stand in brackets in a column's title: "Rainfall (mm)"."""
    found = re.findall(r"[(\[](.*?)[)\]]", column.title)
    return {word for part in found for word in re.findall(r"[^\W_]+|[%€$£]", folded(part))}


def _by_unit(reading: Reading, last: int) -> ColumnFacts | None:
    """Return the one column that has the unit behind a number: "larger than 500 km²"."""
    if last + 1 < len(reading.tokens):
        word = reading.tokens[last + 1].word
        having = [column for column in reading.numbers if word in units(column)]
        if len(having) == 1:
            reading.take(last + 1)
            return having[0]
    return _age(reading, last)


def _age(reading: Reading, last: int) -> ColumnFacts | None:
    """Return the column of ages where years are counted: "younger than 30", "moins de 30 ans"."""
    ages = [c for c in reading.numbers if reading.means(c, "age")]
    behind = {token.word for token in reading.tokens[last + 1 : last + 2]}
    years = any(t.concept == "year" and t.first == last + 1 for t in reading.tags)
    ages_named = any(t.concept in ("age_high", "age_low", "age_than") for t in reading.tags)
    return ages[0] if ages and ((years and behind) or ages_named) else None


def _units(reading: Reading) -> list[int]:
    return [i for i, token in enumerate(reading.tokens) if len(token.word) <= 3]


def _settle(mention: Mention, slot: str) -> None:
    """Raise Unsure where a mention fits several columns equally well."""
    columns = (t.column for t in mention.targets if t.kind == "column")
    titles = tuple(dict.fromkeys(column.title for column in columns if column is not None))
    if len(titles) > 1 and mention.target.kind == "column":
        raise Unsure(Choice("ask_column", slot, titles))


# --- texts ---------------------------------------------------------------------------------------


def _of_texts(reading: Reading) -> list[Filter]:
    """Return the conditions on parts of texts: "with Night in the title"."""
    found: list[Filter] = []
    tag = reading.tag("contains", "starts", "ends")
    quoted = [
        i for i, t in enumerate(reading.tokens)
        if t.kind == "quoted" and i not in reading.used
        and not any(i in m.tokens and m.score > 1 for m in reading.mentions)
    ]  # fmt: skip
    if tag is None and not quoted:
        return found
    if not quoted and tag is not None:
        later = [i for i in reading.unknown() if i > tag.last][:1]
        values = [m for m in reading.free("value") if m.first > tag.last][:1]
        quoted = later or [m.first for m in values]
        for mention in values if not later else ():
            reading.take(mention)
    if not quoted:
        return found
    column = _text_column(reading, quoted[0])
    test: Test = tag.concept if tag is not None else "contains"  # type: ignore[assignment]
    if tag is not None:
        reading.take(tag)
    reading.take(quoted[0])
    return [Filter(column, test, (reading.tokens[quoted[0]].text,))]


def _text_column(reading: Reading, at: int) -> ColumnFacts:
    """Return the column of text that is searched: the one named beside it, else the label."""
    named = [m for m in reading.free("text") if abs(m.first - at) <= _NEAR]
    if named:
        best = min(named, key=lambda m: abs(m.first - at))
        assert best.column is not None
        reading.take(best)
        return best.column
    texts = [c for c in reading.table.columns if c.type == "text"]
    chosen = [c for c in texts if c.title == reading.choices.get("text")]
    if chosen or len(texts) == 1:
        return [*chosen, *texts][0]
    if reading.label is not None:
        return reading.label
    word = reading.tokens[at].text
    titles = tuple(c.title for c in texts)
    raise Unsure(Choice("ask_value", "text", titles, word, reading.table.title))


# --- values --------------------------------------------------------------------------------------


def _of_values(reading: Reading) -> list[Filter]:
    found: dict[tuple[str, bool], Filter] = {}
    for mention in reading.free("value"):
        target = _value_of(reading, mention)
        column = target.column
        assert column is not None
        negation = _before(reading, mention.first, "not", within=3)
        if negation is not None:
            reading.take(negation)
        key = (column.name, negation is not None)
        earlier = found.get(key)
        values = (*earlier.values, target.value) if earlier else (target.value,)
        found[key] = Filter(column, "ne" if negation else "eq", tuple(dict.fromkeys(values)))
        reading.take(mention)
        for other in reading.free("text"):  # "in the department Sales" names the column as well
            named = same_column(other.targets, column)
            gap = max(other.first - mention.last, mention.first - other.last)
            is_asked = any(
                t.last < other.first <= t.last + 3
                and reading.only_small(t.last + 1, other.first - 1)
                for t in reading.all("by", "which", "distinct")
            )
            if named is not None and gap <= 2 and not is_asked:
                reading.take(other)
    return list(found.values())


def _value_of(reading: Reading, mention: Mention) -> Target:
    """Return which column's value is meant: that of a column named beside it, else the only one."""
    values = [t for t in mention.targets if t.kind == "value" and t.column is not None]
    if len({t.column.name for t in values if t.column}) == 1:
        return values[0]
    for other in reading.mentions:
        gap = max(other.first - mention.last, mention.first - other.last)
        for target in values:
            is_beside = gap <= 3 and other.target.kind == "column" and target.column is not None
            if is_beside and same_column(other.targets, target.column) is not None:
                return target
    word = " ".join(reading.tokens[i].text for i in mention.tokens)
    chosen = reading.choices.get(f"value:{folded(word)}")
    for target in values:
        if target.column is not None and target.column.title == chosen:
            return target
    titles = tuple(dict.fromkeys(t.column.title for t in values if t.column))
    raise Unsure(Choice("ask_value", f"value:{folded(word)}", titles, word, reading.table.title))


_NEGATING = ("un", "non", "not", "in", "im", "nicht", "no", "des")


def of_negated(reading: Reading, at: int) -> Filter | None:
    """Return the condition that a word such as "unpaid" is; None where it is none."""
    for column in reading.table.columns:
        if column.type == "truth" and _is_negated(reading, at, column):
            reading.take(at)
            return Filter(column, "false")
    return None


def _is_negated(reading: Reading, at: int, column: ColumnFacts) -> bool:
    """Whether a word is the opposite of a column's title."""
    word, title = reading.tokens[at].word, folded(column.title)
    if compare(word, title, reading.words.language) >= 0.93:
        return False
    bare = (
        word.removeprefix(p) for p in _NEGATING if word.startswith(p) and len(word) > len(p) + 2
    )
    return any(compare(one, title, reading.words.language) >= 0.8 for one in bare)


def of_unknown(reading: Reading, at: int) -> Filter:
    """Return the condition that an unknown word is, as a part of some column's text.

    Raises Unsure where no column of texts can have it, or several.
    """
    word = reading.tokens[at].text
    texts = [
        c
        for c in reading.table.columns
        if c.type == "text" and not reading.is_complete(c) and not _are_numbered(c)
    ]
    beside = [m for m in reading.mentions if m.column in texts and 0 < at - m.last <= 2]
    chosen = reading.choices.get(f"value:{folded(word)}")
    picked = [c for c in reading.table.columns if c.type == "text" and c.title == chosen]
    columns = picked or [m.column for m in beside if m.column] or texts
    as_before = [c for c in columns if c.name in reading.earlier]
    if len(as_before) == 1:  # "and Lopez?"
        columns = as_before
    if len(columns) == 1:
        reading.take(at, *(m for m in beside if m.column == columns[0]))
        return Filter(columns[0], "contains", (word,))
    if columns:
        titles = tuple(c.title for c in columns)
        raise Unsure(
            Choice("ask_value", f"value:{folded(word)}", titles, word, reading.table.title)
        )
    every = tuple(c.title for c in reading.table.columns)
    raise Unsure(Choice("ask_word", f"word:{folded(word)}", every, word, reading.table.title))


def _are_numbered(column: ColumnFacts) -> bool:
    """Whether the values are numbers of things, such as A-1001."""
    said = [str(value) for value in column.values[:20]]
    return bool(said) and all(any(c.isdigit() for c in value) for value in said)


# --- yes, no and nothing -------------------------------------------------------------------------


def _of_truths(reading: Reading) -> list[Filter]:
    found = []
    for mention in reading.free("truth"):
        assert mention.column is not None
        if _is_negated(reading, mention.first, mention.column):  # "unbezahlt" names "bezahlt"
            reading.take(mention)
            found.append(Filter(mention.column, "false"))
            continue
        if _before(reading, mention.first, "by") is not None:
            continue
        negation = _before(reading, mention.first, "not", within=4)
        if negation is None:
            negation = next(
                (t for t in reading.all("not") if mention.last < t.first <= mention.last + 2), None
            )
        if negation is not None:
            reading.take(negation)
        reading.take(mention)
        found.append(Filter(mention.column, "false" if negation else "true"))
    return found


def _of_gaps(reading: Reading) -> list[Filter]:
    tag = reading.tag("empty")
    if tag is None:
        return []
    named = reading.free("number", "text", "year", *TIMES)
    near = sorted(named, key=lambda m: min(abs(m.first - tag.last), abs(tag.first - m.last)))
    if not near or near[0].column is None:
        return []
    reading.take(tag, near[0])
    negation = _before(reading, tag.first, "not", within=3)
    if negation is not None:
        reading.take(negation)
    return [Filter(near[0].column, "present" if negation else "empty")]


def _before(reading: Reading, at: int, *concepts: str, within: int = 2) -> Tag | None:
    """Return the nearest of `concepts` that ends at most `within` tokens before token `at`."""
    near = [t for t in reading.all(*concepts) if at - 1 - within <= t.last < at]
    near = [
        t for t in near
        if all(reading.tokens[i].kind == "word" for i in range(t.last + 1, at))
    ]  # fmt: skip
    return max(near, key=lambda t: (t.last, t.last - t.first), default=None)


def merged(before: Iterable[Filter], more: Iterable[Filter]) -> tuple[Filter, ...]:
    """Return the filters of `before`, those of columns that `more` has too replaced by them."""
    new = tuple(more)
    kept = [one for one in before if all(one.column.name != other.column.name for other in new)]
    return (*kept, *new)
