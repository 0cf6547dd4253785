"""A question read against one table: its tokens, its concepts and what they name, as one object
that the grammar's rules take from. Each token serves once. It does not decide what is asked.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

import msgspec

from tramontane.guide.conversation import ColumnFacts, TableFacts
from tramontane.guide.tables.lexicon import Lexicon, meaning, meanings, part_meanings
from tramontane.guide.tables.linking import Mention, Target, Vocabulary
from tramontane.guide.tables.query import Dimension, Grain
from tramontane.guide.tables.tokens import Tag, Token, relative_period, tags, tokens
from tramontane.text.stems import folded

GRAINS: tuple[Grain, ...] = ("year", "quarter", "month", "week", "day")
TIMES = ("date", "moment")
_BUSY = frozenset(
    ("count", "distinct", "sum", "mean", "median", "high", "low", "most", "fewest", "share", "by",
     "more", "at_least", "less", "at_most", "compare", "trend", "not")
)  # fmt: skip
_RELATIVE = frozenset(
    ("this_year", "last_year", "this_month", "last_month", "last_days", "last_months")
)
# What stands behind a number and says no more than the column's own title.
_UNITS = frozenset(
    ("euro", "euros", "eur", "dollar", "dollars", "dolares", "dollari", "usd", "pounds", "gbp",
     "franken", "francs", "franchi", "francos", "chf", "cents", "centimes", "km", "km2", "kg", "mm",
     "cm", "m2", "m3", "kwh", "mwh", "grad", "degrees", "degres", "grados", "gradi", "stuck",
     "pieces", "piezas", "pezzi", "units", "unites", "unidades", "unita", "einheiten")
)  # fmt: skip
_PERSONS = frozenset(("name", "customer", "employee", "student", "author"))


class Reading:
    """The state of reading one question; `choices` are answers to questions back, by slot."""

    def __init__(
        self,
        question: str,
        table: TableFacts,
        words: Lexicon,
        today: date,
        choices: dict[str, str],
    ) -> None:
        self.table, self.words, self.today, self.choices = table, words, today, choices
        self.vocabulary = Vocabulary(table, words)
        self.tokens = self._with_relative(tokens(question, words, self.vocabulary.known))
        self.tags = tags(self.tokens, words)
        busy = frozenset(
            i for tag in self.tags if tag.concept in _BUSY for i in range(tag.first, tag.last + 1)
        )
        self.mentions = self.vocabulary.mentions(self.tokens, busy)
        self._add_chosen()
        in_time = any(tag.concept in (*GRAINS, "when", "trend") for tag in self.tags)
        if not in_time and not any(token.kind == "period" for token in self.tokens):
            self.mentions = [_value_first(mention) for mention in self.mentions]
        named = {i for m in self.mentions for i in m.tokens}
        self.tags = [tag for tag in self.tags if not self._is_named(tag, named)]
        self.used: set[int] = set()  # tokens that some rule has taken
        self.earlier: set[str] = set()  # columns that the question before had conditions on

    def _add_chosen(self) -> None:
        """Let words that were unknown name the columns that were chosen for them since."""
        for i, token in enumerate(self.tokens):
            title = self.choices.get(f"word:{token.word}")
            column = next((c for c in self.table.columns if c.title == title), None)
            if column is not None and not any(i in m.tokens for m in self.mentions):
                self.mentions.append(Mention((i,), (Target("column", column),), 1.0))
        self.mentions.sort(key=lambda mention: mention.first)

    def _with_relative(self, found: list[Token]) -> list[Token]:
        """Return the tokens with "last year" and the like as one period each."""
        for tag in tags(found, self.words):
            if tag.concept not in _RELATIVE:
                continue
            span = found[tag.first : tag.last + 1]
            count = next((int(t.number) for t in span if t.number is not None), 0)
            period = relative_period(tag.concept, min(count, 5_000), self.today)
            first, last = span[0], span[-1]
            text = " ".join(token.text for token in span)
            whole = Token(first.start, last.end, text, "@", "period", None, period)
            return self._with_relative([*found[: tag.first], whole, *found[tag.last + 1 :]])
        return found

    def _is_named(self, tag: Tag, named: set[int]) -> bool:
        """Whether what looks like a concept is the name of a column or value."""
        if tag.concept in GRAINS or tag.concept not in _BUSY | {"rows", "higher", "follow", "or"}:
            return False
        return named.issuperset(range(tag.first, tag.last + 1))

    # --- what is there -----------------------------------------------------------------------

    def has(self, *concepts: str) -> bool:
        """Whether one of `concepts` is there and not taken yet."""
        return self.tag(*concepts) is not None

    def tag(self, *concepts: str) -> Tag | None:
        """Return the first of `concepts` that is not taken."""
        return next(iter(self.all(*concepts)), None)

    def all(self, *concepts: str) -> list[Tag]:
        """Return those of `concepts` that are not taken, in their order."""
        return [
            tag
            for tag in self.tags
            if tag.concept in concepts
            and not self.used.intersection(range(tag.first, tag.last + 1))
        ]

    def free(self, *kinds: str) -> list[Mention]:
        """Return the mentions of such kinds that are not taken: see `kind`."""
        return [
            m
            for m in self.mentions
            if not self.used.intersection(m.tokens) and self.kind(m) in kinds
        ]

    def kind(self, mention: Mention) -> str:
        """Return what a mention names: "table", "value", or its column's type, "year" for years."""
        target = mention.target
        if target.kind != "column":
            return target.kind
        assert target.column is not None
        return "year" if self.is_year(target.column) else target.column.type

    def take(self, *parts: Mention | Tag | int) -> None:
        """Mark tokens as taken."""
        for part in parts:
            if isinstance(part, Mention):
                self.used.update(part.tokens)
            elif isinstance(part, Tag):
                self.used.update(range(part.first, part.last + 1))
            else:
                self.used.add(part)

    def only_small(self, first: int, last: int, allowed: Iterable[int] = ()) -> bool:
        """Whether nothing but small words stands from token `first` to `last`, both included."""
        free = set(allowed)
        return all(
            i in free or self.tokens[i].word in self.words.filler for i in range(first, last + 1)
        )

    def after(self, at: int, mentions: Sequence[Mention], within: int = 3) -> Mention | None:
        """Return the first mention that begins at most `within` tokens after token `at`."""
        return next((m for m in mentions if at < m.first <= at + within), None)

    # --- columns -----------------------------------------------------------------------------

    def is_year(self, column: ColumnFacts) -> bool:
        """Whether a column of numbers holds years."""
        low, high = column.minimum, column.maximum
        if column.type != "number" or not isinstance(low, int | float):
            return False
        if not isinstance(high, int | float) or not 1000 <= low <= high <= 2200:
            return False
        return any("year" in meaning(word, self.words.language) for word in _title(column))

    def is_added(self, column: ColumnFacts) -> bool:
        """Whether the sum of such numbers means something: not of prices or temperatures."""
        if "%" in column.title:
            return False
        known = {m for w in _title(column) for m in self._means(w) or part_meanings(w)}
        return not known & meanings().measured

    def means(self, column: ColumnFacts, *wanted: str) -> bool:
        """Whether a column's title has one of these meanings."""
        return any(
            (self._means(word) | part_meanings(word)).intersection(wanted)
            for word in _title(column)
        )

    def _means(self, word: str) -> frozenset[str]:
        return meaning(word, self.words.language)

    @property
    def numbers(self) -> list[ColumnFacts]:
        """The columns that can be calculated with."""
        return [c for c in self.table.columns if c.type == "number" and not self.is_year(c)]

    @property
    def times(self) -> list[ColumnFacts]:
        """The columns of dates; of years where there are none."""
        dates = [c for c in self.table.columns if c.type in TIMES]
        return dates or [c for c in self.table.columns if self.is_year(c)]

    @property
    def label(self) -> ColumnFacts | None:
        """The column of text that tells rows apart, best one that names persons or things."""
        texts = [c for c in self.table.columns if c.type == "text"]
        unique = [
            c for c in texts if c.distinct is not None and c.distinct >= self.table.row_count > 0
        ]
        named = [c for c in unique if self.means(c, *_PERSONS, "title", "country", "product")]
        return next(iter([*named, *unique]), None)

    @property
    def person(self) -> ColumnFacts | None:
        """The column that "who" asks for."""
        texts = [c for c in self.table.columns if c.type == "text"]
        return next((c for c in texts if self.means(c, *_PERSONS)), self.label)

    def is_unique(self, column: ColumnFacts) -> bool:
        """Whether each row has another value there."""
        return column.distinct is not None and column.distinct >= self.table.row_count > 0

    def is_complete(self, column: ColumnFacts) -> bool:
        """Whether all values of a column are known."""
        if column.distinct is not None:
            return column.distinct <= len(column.values)
        return len(column.values) < 12

    def grain_of(self, mention: Mention) -> Grain | None:
        """Return the grain that a mention of a date column tells by its words ("Month")."""
        for tag in self.tags:
            if tag.concept in GRAINS and set(range(tag.first, tag.last + 1)) & set(mention.tokens):
                return tag.concept if tag.concept != "day" else None
        return None

    def dimension(self, mention: Mention) -> Dimension | None:
        """Return a mention as something to group by; None where it is a number or no column."""
        column = mention.column
        if column is None or mention.target.kind != "column":
            return None
        if column.type == "number" and not self.is_year(column):
            return None
        grain = self.grain_of(mention) if column.type in TIMES else None
        if column.type == "moment" and grain is None:
            grain = "day"
        return Dimension(column, grain)

    # --- what was not understood -------------------------------------------------------------

    def unknown(self) -> Iterator[int]:
        """Yield the tokens that mean nothing here: no name, no concept, no small word."""
        named = {i for m in self.mentions for i in m.tokens}
        told = {i for tag in self.tags for i in range(tag.first, tag.last + 1)}
        for i, token in enumerate(self.tokens):
            if i in named or i in told or i in self.used:
                continue
            if token.kind == "word" and (token.word in self.words.filler or len(token.word) < 2):
                continue
            if i and self.tokens[i - 1].kind == "number" and token.word in _UNITS:
                continue
            yield i

    def restricts(self, at: int) -> bool:
        """Whether a word follows a preposition, so that leaving it out would change the answer."""
        before = at - 1
        articles = self.words.small - self.words.prepositions
        while before > 0 and self.tokens[before].word in articles:
            before -= 1
        return before >= 0 and self.tokens[before].word in self.words.prepositions

    def weight(self) -> float:
        """Return how much of the question this table knows."""
        named = sum(
            m.score * (0.8 if m.target.kind == "table" else 1.0 + 0.1 * (len(m.tokens) - 1))
            for m in self.mentions
        )
        return named - 0.15 * sum(self.tokens[i].kind == "word" for i in self.unknown())


def _title(column: ColumnFacts) -> list[str]:
    return [folded(word) for word in column.title.replace("(", " ").split()]


def _value_first(mention: Mention) -> Mention:
    """Return a mention as a value, where no time is told, rather than as a column of dates."""
    dates = [t for t in mention.targets if t.column is not None and t.column.type in TIMES]
    values = [t for t in mention.targets if t.kind == "value"]
    if not dates or not values:
        return mention
    return msgspec.structs.replace(mention, targets=tuple(values))


def same_column(targets: Sequence[Target], column: ColumnFacts | None) -> Target | None:
    """Return the one of `targets` that belongs to `column`."""
    return next((t for t in targets if t.column is not None and t.column == column), None)
