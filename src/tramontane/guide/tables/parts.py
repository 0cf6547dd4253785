"""What a question asks for besides its conditions: groups, measures, order, who or which.

Each rule takes its words out of the reading. It does not put a query together: `building` does.
"""

from typing import cast

import msgspec

from tramontane.guide.conversation import ColumnFacts
from tramontane.guide.tables.conditions import (
    Unsure,
    conditions,
    of_negated,
    of_unknown,
    units,
)
from tramontane.guide.tables.linking import Mention
from tramontane.guide.tables.query import Choice, Dimension, Filter, Grain, Operation
from tramontane.guide.tables.reading import GRAINS, TIMES, Reading
from tramontane.guide.tables.tokens import Tag
from tramontane.text.stems import folded

_DIMENSIONS = ("text", "truth", "year", *TIMES)
_HINTS: dict[str, tuple[str, ...]] = {
    "price": ("price", "amount", "cost"), "age": ("age",), "length": ("length", "pages", "hours"),
    "people": ("population",), "heat": ("temperature",), "pay": ("salary",), "date": (),
}  # fmt: skip
_MOST_LIMIT = 1_000


class Parts(msgspec.Struct):
    """What was found; `entity` is what "which" asks for, None in it the table's rows themselves."""

    filters: list[Filter] = []
    groups: list[Dimension] = []
    operation: Operation | None = None
    columns: list[ColumnFacts] = []
    entity: Dimension | None = None
    is_of_rows: bool = False  # the entity is a row
    names_rows: bool = False  # the table itself is named
    is_counting: bool = False
    is_listing: bool = False
    order: str | None = None  # "high" or "low"
    is_most: bool = False  # in the order of how many
    limit: int | None = None
    is_share: bool = False
    is_compared: bool = False
    follows: bool = False
    ignored: list[str] = []

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all was found that a query could be made of."""
        return not (
            self.filters or self.groups or self.operation or self.columns or self.entity
            or self.is_of_rows or self.is_counting or self.order or self.is_share or self.limit
            or self.names_rows
        )  # fmt: skip


def parts(reading: Reading) -> Parts:
    """Return what `reading` asks for. Raises Unsure."""
    first = reading.tag("follow")
    found = Parts(follows=first is not None and first.first == 0)
    labels = (m for m in reading.free("text") if m.column and reading.is_unique(m.column))
    found.names_rows = bool(reading.free("table")) or reading.has("rows") or any(labels)
    _by_count(reading, found)
    found.filters = conditions(reading)
    found.groups = _groups(reading)
    found.is_share = _take(reading, "share")
    found.is_compared = _compared(reading, found)
    _operation(reading, found)
    _order(reading, found)
    _entity(reading, found)
    _limit(reading, found)
    _counting(reading, found)
    _columns(reading, found)
    _unknown(reading, found)
    return found


def _by_count(reading: Reading, found: Parts) -> None:
    """Take "by number of orders", which is an order and no group."""
    for tag in reading.all("by"):
        count = next((t for t in reading.all("count") if t.first == tag.last + 1), None)
        if count is not None:
            found.is_most, found.order = True, found.order or "high"
            reading.take(tag, count)
            mention = reading.after(count.last, reading.free("table", "text"), within=2)
            if mention is not None and (
                mention.column is None or reading.is_unique(mention.column)
            ):
                reading.take(mention)


def _take(reading: Reading, *concepts: str) -> bool:
    found = reading.all(*concepts)
    reading.take(*found)
    return bool(found)


# --- groups --------------------------------------------------------------------------------------


def _groups(reading: Reading) -> list[Dimension]:
    found: list[Dimension] = []
    for tag in reading.all("by"):
        at = tag.last
        is_first = True
        while (group := _group_after(reading, at, is_first=is_first)) is not None:
            dimension, at = group
            is_first = False
            found.append(dimension)
            reading.take(tag)
    for tag in reading.all(*GRAINS):
        words = {reading.tokens[i].word for i in range(tag.first, tag.last + 1)}
        if not words <= reading.words.nouns and not found:
            reading.take(tag)
            found.append(of_grain(reading, tag.concept))
    trend = reading.tag("trend")
    if trend is not None:
        reading.take(trend)
        if not found:
            found.append(_of_trend(reading))
    return [d for i, d in enumerate(found) if d not in found[:i]]


def _group_after(reading: Reading, at: int, *, is_first: bool) -> tuple[Dimension, int] | None:
    """Return what is grouped by after token `at`, and where its words end."""
    joins = {i for t in reading.all("by", "and", "follow") for i in range(t.first, t.last + 1)}
    mention = reading.after(at, reading.free(*_DIMENSIONS, "table"))
    grain = next(
        (t for t in reading.all(*GRAINS) if at < t.first <= at + 3 and not _in_mention(reading, t)),
        None,
    )
    if grain is not None and (mention is None or grain.first < mention.first):
        if not reading.only_small(at + 1, grain.first - 1, joins):
            return None
        if not is_first and not joins & set(range(at + 1, grain.first)):
            return None
        reading.take(grain)
        return of_grain(reading, grain.concept), grain.last
    if mention is None or not reading.only_small(at + 1, mention.first - 1, joins):
        return None
    if not is_first and not joins & set(range(at + 1, mention.first)):
        return None
    dimension = reading.dimension(mention)
    if mention.target.kind == "table" and reading.label is not None:
        dimension = Dimension(reading.label)
    if dimension is None:
        return None
    reading.take(mention)
    return dimension, mention.last


def _in_mention(reading: Reading, tag: Tag) -> bool:
    span = set(range(tag.first, tag.last + 1))
    return any(span & set(m.tokens) for m in reading.mentions if m.target.kind == "column")


def of_grain(reading: Reading, grain: str) -> Dimension:
    """Return the dates of the table by that grain. Raises Unsure where it has none, or several."""
    dates = [c for c in reading.times if c.type in TIMES]
    chosen = [c for c in dates if c.title == reading.choices.get("time")]
    if not dates and grain == "year" and reading.times:
        return Dimension(reading.times[0])
    if len(chosen or dates) == 1:
        column = (chosen or dates)[0]
        return Dimension(column, cast(Grain, grain))
    if dates:
        titles = tuple(c.title for c in dates)
        raise Unsure(Choice("ask_date", "time", titles, grain, reading.table.title))
    every = tuple(c.title for c in reading.table.columns)
    raise Unsure(Choice("no_date", "none", every, grain, reading.table.title))


def _of_trend(reading: Reading) -> Dimension:
    dates = [c for c in reading.times if c.type in TIMES]
    if not dates:
        return of_grain(reading, "year")
    first, last = str(dates[0].minimum or ""), str(dates[0].maximum or "")
    grain: Grain = "month"
    if first[:4].isdigit() and last[:4].isdigit():
        count = int(last[:4]) - int(first[:4])
        grain = "year" if count > 4 else "day" if first[:7] == last[:7] else "month"
    return of_grain(reading, grain)


# --- operation and order -------------------------------------------------------------------------


def _compared(reading: Reading, found: Parts) -> bool:
    """Whether two values or two periods stand against each other."""
    sides = [f for f in found.filters if f.test in ("eq", "within") and len(f.values) == 2]
    if reading.has("compare"):
        _take(reading, "compare")
        return bool(sides)
    if sides and reading.has("or") and reading.has("higher", "high", "low", "more", "less", "most"):
        _take(reading, "or", "higher", "high", "low", "more", "less", "most")
        return True
    return False


def _operation(reading: Reading, found: Parts) -> None:
    for concept in ("median", "mean"):
        if _take(reading, concept):
            found.operation = concept
            _take(reading, "sum")
            return
    if _take(reading, "sum"):
        found.operation = "sum"


def _order(reading: Reading, found: Parts) -> None:
    for name, meanings in _HINTS.items():
        for way in ("high", "low"):
            tag = reading.tag(f"{name}_{way}")
            if tag is None or any(tag.first > m.last or m.first > tag.last
                                  for m in reading.free("number")):  # fmt: skip
                continue
            wanted = [c for m in meanings for c in reading.numbers if reading.means(c, m)]
            if name == "date":
                named = [m.column for m in reading.free(*TIMES) if m.column]
                wanted = named or [c for c in reading.times if c.type in TIMES]
            if wanted:
                found.order, found.columns = way, wanted[:1]
                reading.take(tag)
                return
    for concept, way in (("high", "high"), ("low", "low"), ("most", "high"), ("fewest", "low")):
        tag = reading.tag(concept)
        if tag is not None:
            found.order = way
            found.is_most = found.is_most or concept in ("most", "fewest")
            reading.take(tag)
            return


# --- who and which -------------------------------------------------------------------------------


def _entity(reading: Reading, found: Parts) -> None:
    """Find what is asked for: what stands after "which", "who" or "list", or is in an order."""
    # Order words and numbers may stand between: "which two best customers".
    between = set(reading.used) | {i for i, t in enumerate(reading.tokens) if t.kind == "number"}
    for tag in reading.all("which", "list"):
        if _entity_after(reading, tag, found, between):
            reading.take(tag)
            found.is_listing = True
            return
    for tag in reading.all("which"):
        _require_known(reading, tag.last)
    who = reading.tag("who")
    if who is not None and who.first <= 2 and reading.person is not None:
        _take(reading, "who")
        mention = reading.after(0, reading.free("text"), within=8)
        named = None if mention is None else reading.dimension(mention)
        is_person = named is not None and reading.means(
            named.column, "name", "customer", "employee", "student", "author"
        )
        if mention is not None and named is not None and is_person:
            reading.take(mention)
            found.entity = named
        else:
            found.entity = Dimension(reading.person)
        found.is_listing = True
        return
    if reading.has("when") and reading.times:
        _take(reading, "when")
        found.entity = Dimension(reading.times[0])
        found.is_listing = True
        return
    if found.order is None or found.operation in ("mean", "median") or reading.has("count"):
        return
    for mention in reading.free("text", "table"):  # "customers with the largest amount"
        if _as_entity(reading, mention, found):
            return
    grain = next((t for t in reading.all(*GRAINS) if not _in_mention(reading, t)), None)
    if grain is not None and (dates := [c for c in reading.times if c.type in TIMES]):
        reading.take(grain)  # "the hottest day"
        is_day = grain.concept == "day" and dates[0].type == "date"
        found.entity = Dimension(dates[0]) if is_day else of_grain(reading, grain.concept)


def _entity_after(reading: Reading, tag: Tag, found: Parts, between: set[int]) -> bool:
    mentions = reading.free(*_DIMENSIONS, "table", "number")
    mention = reading.after(tag.last, mentions, within=6)
    grain = next(
        (t for t in reading.all(*GRAINS) if tag.last < t.first <= tag.last + 3
         and not _in_mention(reading, t)), None,
    )  # fmt: skip
    if grain is not None and (mention is None or grain.first < mention.first):
        dates = [c for c in reading.times if c.type in TIMES] or reading.times
        if not dates or not reading.only_small(tag.last + 1, grain.first - 1, between):
            return False
        reading.take(grain)
        is_day = grain.concept == "day" and dates[0].type == "date"
        found.entity = Dimension(dates[0]) if is_day else of_grain(reading, grain.concept)
        return True
    if mention is None or not reading.only_small(tag.last + 1, mention.first - 1, between):
        rows = next((t for t in reading.all("rows") if tag.last < t.first <= tag.last + 3), None)
        if rows is not None and reading.only_small(tag.last + 1, rows.first - 1, between):
            found.is_of_rows = True
            return True
        return False
    return _as_entity(reading, mention, found)


def _as_entity(reading: Reading, mention: Mention, found: Parts) -> bool:
    if mention.target.kind == "table":
        found.is_of_rows = True
        reading.take(mention)
        return True
    dimension = reading.dimension(mention)
    if dimension is None:
        return False
    found.entity = dimension
    reading.take(mention)
    return True


def _limit(reading: Reading, found: Parts) -> None:
    if found.order is None and found.entity is None and not found.is_of_rows:
        return
    for i, token in enumerate(reading.tokens):
        value = token.number
        if token.kind != "number" or i in reading.used or value is None:
            continue
        if value == value.to_integral_value() and 1 <= value <= _MOST_LIMIT:
            found.limit = int(value)
            reading.take(i)
            return


# --- how many and how much -----------------------------------------------------------------------


def _counting(reading: Reading, found: Parts) -> None:
    different = _take(reading, "distinct")
    for tag in reading.all("count"):
        reading.take(tag)
        mentions = reading.free(*_DIMENSIONS, "number", "table")
        mention = reading.after(tag.last, mentions, within=7)
        if mention is not None and not reading.only_small(
            tag.last + 1, mention.first - 1, reading.used
        ):
            mention = None
        _count_of(reading, found, mention, tag, is_different=different)
        return
    if different:
        mention = next(iter(reading.free(*_DIMENSIONS)), None)
        if mention is not None and mention.column is not None:
            reading.take(mention)
            found.operation, found.columns = "distinct", [mention.column]


def _count_of(
    reading: Reading, found: Parts, mention: Mention | None, tag: Tag, *, is_different: bool
) -> None:
    if mention is not None and reading.kind(mention) == "number":
        return  # "how many pages": added up, or averaged where that is said
    if found.operation in ("mean", "median") or found.is_share:
        return
    if mention is None and not found.names_rows and reading.free("number"):
        return  # "combien a-t-il dépensé"
    found.operation = None
    found.is_counting = True
    if mention is None:
        grain = next((t for t in reading.all(*GRAINS) if tag.last < t.first <= tag.last + 2), None)
        dates = [c for c in reading.times if c.type in TIMES]
        if grain is not None and dates:
            reading.take(grain)
            if grain.concept == "day" and dates[0].type == "date":
                found.operation, found.columns = "distinct", dates[:1]
        elif tag.last + 1 < len(reading.tokens):
            _require_known(reading, tag.last)
            if not found.names_rows and any(True for _ in reading.unknown()):
                found.is_counting = False  # "combien a-t-il gagné": a number, if any
        return
    reading.take(mention)
    column = mention.column
    if column is None or mention.target.kind != "column":
        return
    if is_different or (not reading.is_unique(column) and column.type == "text"):
        found.operation, found.columns = "distinct", [column]


def _require_known(reading: Reading, at: int) -> None:
    """Raise Unsure where the word that says what is counted means nothing here."""
    named = {i for mention in reading.mentions for i in mention.tokens}
    for i in reading.unknown():
        if i <= at:
            continue
        is_next = i <= at + 2 and reading.only_small(at + 1, i - 1)
        if is_next and not named.intersection(range(at + 1, i)):
            word = reading.tokens[i].text
            slot = f"word:{reading.tokens[i].word}"
            if slot in reading.choices:
                return
            titles = tuple(c.title for c in reading.table.columns)
            raise Unsure(Choice("ask_word", slot, titles, word, reading.table.title))
        return


def _columns(reading: Reading, found: Parts) -> None:
    """Find the columns that are calculated with."""
    if found.is_counting or (found.operation == "distinct" and found.columns):
        return
    for mention in reading.free("number"):
        titles = tuple(dict.fromkeys(t.column.title for t in mention.targets if t.column))
        column = mention.column
        if len(titles) > 1:
            chosen = reading.choices.get("measure")
            if chosen not in titles:
                raise Unsure(Choice("ask_column", "measure", titles, "", reading.table.title))
            column = next(
                t.column for t in mention.targets if t.column and t.column.title == chosen
            )
        reading.take(mention)
        if column is not None and column not in found.columns:
            found.columns.append(column)


def _is_place(reading: Reading, word: str, found: Parts) -> bool:
    """Whether a word counts places in an order: for "the second highest" two are shown."""
    places = [n for n, of in enumerate(reading.words.ordinals, 1) if word in of]
    if not places or found.order is None or found.limit is not None:
        return False
    found.limit = places[0]
    return True


def _is_unit(reading: Reading, word: str) -> bool:
    """Whether a word stands in brackets in a column's title: "Rainfall (mm)"."""
    return any(word in units(column) for column in reading.table.columns)


def _unknown(reading: Reading, found: Parts) -> None:
    """See to the words that mean nothing here: names are looked for, the others are said."""
    for tag in reading.all("more", "at_least", "less", "at_most"):
        found.ignored.append(" ".join(t.text for t in reading.tokens[tag.first : tag.last + 1]))
    is_german = reading.words.language == "de"
    for i in [*reading.unknown()]:
        token = reading.tokens[i]
        if token.kind != "word":
            found.ignored.append(token.text)
        elif _is_unit(reading, token.word) or _is_place(reading, token.word, found):
            continue
        elif (negated := of_negated(reading, i)) is not None:
            found.filters.append(negated)
        elif len(token.word) > 2 and (
            (token.text[:1].isupper() and (i > 0 or is_german)) or reading.restricts(i)
        ):
            if f"word:{token.word}" not in reading.choices:
                found.filters.append(of_unknown(reading, i))
        elif token.word in reading.words.altering:  # "population density" is no population
            every = tuple(column.title for column in reading.table.columns)
            slot = f"word:{token.word}"
            raise Unsure(Choice("ask_word", slot, every, token.text, reading.table.title))
        else:
            found.ignored.append(token.text)
    counts = found.is_counting or found.operation == "distinct"
    if counts and found.ignored and not found.filters:  # what was left out would be the answer
        every = tuple(column.title for column in reading.table.columns)
        word = found.ignored[-1]
        raise Unsure(Choice("ask_word", f"word:{folded(word)}", every, word, reading.table.title))
