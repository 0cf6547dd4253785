"""From a question and those before it to SQL, or to a question back.

Every earlier question is understood again, one after another, so that nothing has to be kept: what
a question goes on from, or answers, is what those before it came to.
"""

from collections.abc import Sequence
from datetime import date

import msgspec

from tramontane.guide.conversation import TableFacts
from tramontane.guide.tables.building import build, go_on, goes_on, stand_alone
from tramontane.guide.tables.conditions import Unsure
from tramontane.guide.tables.describing import describe, question_back
from tramontane.guide.tables.lexicon import LANGUAGES, Lexicon, lexicon
from tramontane.guide.tables.linking import compare
from tramontane.guide.tables.parts import parts
from tramontane.guide.tables.query import Choice, Query
from tramontane.guide.tables.reading import Reading
from tramontane.guide.tables.sql import sql_of
from tramontane.guide.tables.tokens import Token, tags, tokens
from tramontane.text.stems import folded

MOST_CHARACTERS = 600
LEAST_WEIGHT = 0.55
_CLOSE = 0.25  # two tables whose weights differ by less fit equally
_SHORT_ANSWER = 6
_CALCULATIONS = frozenset(("count", "sum", "mean", "median", "share"))


class Asked(msgspec.Struct, frozen=True):
    """A question that was understood: `sql` answers it, `understood` says it in words."""

    sql: str
    table: str
    understood: str
    query: Query


class Unclear(msgspec.Struct, frozen=True):
    """A question back: `text` asks it in Markdown, `candidates` are the titles that fit."""

    text: str
    candidates: tuple[str, ...]


class _Pending(msgspec.Struct, frozen=True):
    """A question that waits for the answer to a question back."""

    question: str
    before: Query | None
    choice: Choice
    choices: dict[str, str]


_State = Query | _Pending | None


def ask(
    question: str,
    earlier: Sequence[str],
    tables: Sequence[TableFacts],
    language: str,
    today: date | None = None,
) -> Asked | Unclear | None:
    """Return what `question` asks of `tables`; None where it asks nothing of them.

    `earlier` are the person's questions before it, oldest first: it may go on from them. `today`
    is what "last month" counts from; without it, the latest day in the tables.
    """
    words = lexicon(language if language in LANGUAGES else "en")
    day = today or date.today()
    state: _State = None
    for text in earlier:
        following = _understood(text, state, tables, words, day)
        state = state if following is None else following
    found = _understood(question, state, tables, words, day)
    if isinstance(found, Query):
        return Asked(sql_of(found, words), found.table.name, describe(found, words), found)
    if isinstance(found, _Pending):
        return Unclear(question_back(found.choice, words), found.choice.candidates)
    return None


def _understood(
    question: str, state: _State, tables: Sequence[TableFacts], words: Lexicon, today: date
) -> _State:
    question = question[:MOST_CHARACTERS].strip()
    if not question or not tables:
        return None
    before = state
    if isinstance(state, _Pending):
        answer = _answer(question, state.choice, words)
        if answer is not None:
            choices = {**state.choices, state.choice.slot: answer}
            return _interpret(state.question, state.before, tables, words, today, choices)
        before = state.before
    assert not isinstance(before, _Pending)
    return _interpret(question, before, tables, words, today, {})


def _answer(text: str, choice: Choice, words: Lexicon) -> str | None:
    """Return the candidate that `text` chooses; None where it is another question."""
    said = tokens(text, words)
    if not said or len(said) > _SHORT_ANSWER:
        return None
    folded_text = " ".join(token.word for token in said)
    titles = choice.candidates
    if _calculates(said, titles, words):
        return None
    exact = [t for t in titles if " ".join(folded(t).split()) in folded_text]
    if exact:
        return max(exact, key=len)
    ordinal = [n for n, of in enumerate(words.ordinals) if any(t.word in of for t in said)]
    if len(ordinal) == 1 and len(said) <= 3 and ordinal[0] < len(titles):
        return titles[ordinal[0]]
    places = [int(t.number) for t in said if t.number is not None and 1 <= t.number <= len(titles)]
    if len(said) <= 2 and len(places) == 1:
        return titles[places[0] - 1]

    def near(title: str) -> float:
        of = [folded(word) for word in title.split()]
        return max(
            (compare(t.word, w, words.language) for t in said for w in of
             if t.kind == "word" and t.word not in words.small), default=0,
        )  # fmt: skip

    scores = sorted(((near(title), title) for title in titles), reverse=True)
    if scores[0][0] >= 0.74 and (len(scores) < 2 or scores[1][0] < scores[0][0]):
        return scores[0][1]
    return None


def _calculates(said: list[Token], titles: Sequence[str], words: Lexicon) -> bool:
    """Whether words that are in no title say what to calculate: "median of the amount"."""
    named = {word for title in titles for word in folded(title).split()}
    return any(
        tag.concept in _CALCULATIONS
        and not named.intersection(said[i].word for i in range(tag.first, tag.last + 1))
        for tag in tags(said, words)
    )


def _interpret(
    question: str,
    before: Query | None,
    tables: Sequence[TableFacts],
    words: Lexicon,
    today: date,
    choices: dict[str, str],
) -> _State:
    """Return what a question comes to in the table that knows it best."""
    readings = [Reading(question, table, words, today, choices) for table in tables]
    weights = [reading.weight() for reading in readings]
    if before is not None:  # what goes on stays where it was
        for i, reading in enumerate(readings):
            if reading.table.name == before.table.name:
                weights[i] += 0.5
    best = max(range(len(readings)), key=lambda i: weights[i])
    reading = readings[best]
    rows = any(tag.concept == "rows" for tag in reading.tags)
    counts = any(tag.concept == "count" for tag in reading.tags)
    may_follow = before is not None and bool(reading.tags or reading.mentions)
    may_follow = may_follow or (before is not None and any(t.period for t in reading.tokens))
    is_about = weights[best] >= LEAST_WEIGHT or _asks_number(reading)
    is_about = is_about or (counts and (rows or bool(reading.mentions)))
    if not is_about and not may_follow:
        return None
    if choices.get("table"):
        reading = next((r for r in readings if r.table.title == choices["table"]), reading)
    elif len(tables) > 1 and not (before is not None and may_follow):
        equal = [i for i in range(len(readings)) if weights[best] - weights[i] < _CLOSE]
        if len(equal) > 1 and not _same_answer(readings, equal):
            titles = tuple(tables[i].title for i in equal)
            choice = Choice("ask_table", "table", titles)
            return _Pending(question, before, choice, choices)
    if before is not None and before.table.name == reading.table.name:
        conditions = (*before.filters, *before.part, *before.sides)
        reading.earlier = {one.column.name for one in conditions if one.column.type == "text"}
    try:
        found = parts(reading)
        if found.is_empty:
            return None
        same_table = before is not None and before.table.name == reading.table.name
        if before is not None and same_table:
            if goes_on(reading, found):
                return go_on(reading, before, found)
            alone = Reading(question, reading.table, words, today, choices)
            return stand_alone(alone, parts(alone), before)
        if not is_about:
            return None
        return build(reading, found)
    except Unsure as unsure:
        is_lost = unsure.choice.slot == "none" or unsure.choice.say == "ask_word"
        if (is_lost and not is_about) or not unsure.choice.candidates:
            return None
        return _Pending(question, before, unsure.choice, choices)


def _asks_number(reading: Reading) -> bool:
    """Whether a mean or the like is asked for, and no unknown word says of what."""
    asks = any(
        tag.concept in ("mean", "median", "sum") or tag.concept.endswith(("_high", "_low"))
        for tag in reading.tags
    )
    has_times = bool(reading.times)
    return asks and all(has_times and reading.tokens[i].kind == "period" for i in reading.unknown())


def _same_answer(readings: Sequence[Reading], equal: Sequence[int]) -> bool:
    """Whether one of tables that fit equally is named itself, so that it is the one."""
    named = [i for i in equal if any(m.target.kind == "table" for m in readings[i].mentions)]
    return len(named) == 1 and named[0] == equal[0]
