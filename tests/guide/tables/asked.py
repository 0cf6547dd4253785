"""How the guide's answers to questions about tables are counted: the SQL is really run.

`questions/LANGUAGE.tsv` holds a task and its question line by line; " || " parts a question from
the ones before it. Tasks with odd numbers were looked at while the grammar was made, those with
even numbers were held out.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import duckdb

from tests.guide.tables.expected import Both, Names, Nothing, Number, Pairs, Unclear, expected
from tests.guide.tables.made import SETS, localized, translated
from tramontane.guide import ColumnFacts, TableFacts
from tramontane.guide import tables as grammar
from tramontane.text.stems import folded

FOLDER = Path(__file__).parent / "questions"
TODAY = date(2024, 11, 22)
VALUES_KNOWN = 40

Part = Literal["development", "held out", "later"]
Outcome = Literal["right", "question back", "not understood", "wrong"]
_TYPES = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", date: "DATE", datetime: "TIMESTAMP",
          str: "VARCHAR"}  # fmt: skip
_KINDS = {bool: "truth", int: "number", float: "number", date: "date", datetime: "moment",
          str: "text"}  # fmt: skip


class Asked(NamedTuple):
    """A question with those before it, and the task that it is."""

    task: str
    questions: list[str]


def read(language: str, part: Part) -> list[Asked]:
    """Return one half of a language's questions."""
    found = []
    for line in (FOLDER / f"{language}.tsv").read_text(encoding="utf-8").splitlines():
        task, _, text = line.partition("\t")
        number = int(task.partition(".")[2])
        of = "later" if number > 10 else "development" if number % 2 else "held out"
        if of == part:
            found.append(Asked(task, text.split(" || ")))
    return found


class Database:
    """All made tables of one language in one DuckDB, in this process."""

    def __init__(self, language: str) -> None:
        self.connection = duckdb.connect()
        self.facts: dict[str, list[TableFacts]] = {}
        for name in SETS:
            tables = localized(name, language).items()
            self.facts[name] = [self._load(f"{name}_{key}", *table) for key, table in tables]

    def _load(self, key: str, title: str, headers: list[str], rows: list[list[Any]]) -> TableFacts:
        names = [re.sub(r"\W+", "_", folded(header)).strip("_") for header in headers]
        columns_ = zip(*rows, strict=True)
        kinds = [float if float in (of := set(map(type, c))) else of.pop() for c in columns_]
        columns = ", ".join(f'"{n}" {_TYPES[k]}' for n, k in zip(names, kinds, strict=True))
        self.connection.execute(f'CREATE TABLE "{key}" ({columns})')
        values = ", ".join(f"({', '.join(map(_literal, row))})" for row in rows)
        self.connection.execute(f'INSERT INTO "{key}" VALUES {values}')
        facts = tuple(
            _column(name, header, _KINDS[kind], [row[i] for row in rows])
            for i, (name, header, kind) in enumerate(zip(names, headers, kinds, strict=True))
        )
        return TableFacts(name=key, title=title, row_count=len(rows), columns=facts)

    def run(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows."""
        return self.connection.execute(sql).fetchall()


def _literal(value: Any) -> str:
    if isinstance(value, bool | int | float):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def _column(name: str, title: str, kind: Any, values: list[Any]) -> ColumnFacts:
    counts = Counter(values)
    top = [value for value, _ in counts.most_common(VALUES_KNOWN)] if kind == "text" else []
    low, high = min(values), max(values)
    if kind in ("date", "moment"):
        low, high = low.isoformat(), high.isoformat()
    return ColumnFacts(
        name=name, title=title, type=kind, values=tuple(top), minimum=low, maximum=high,
        distinct=len(counts),
    )  # fmt: skip


@cache
def database(language: str) -> Database:
    """Return the tables of `language`, made once."""
    return Database(language)


def judge(one: Asked, language: str) -> Outcome:
    """Return what became of one question."""
    data = database(language)
    wanted = expected(one.task)
    *earlier, question = one.questions
    tables = data.facts[one.task.partition(".")[0]]
    found = grammar.ask(question, earlier, tables, language, TODAY)
    if isinstance(wanted, Nothing):  # to say so, or to ask which column is meant, are both right
        return "wrong" if isinstance(found, grammar.Asked) else "right"
    if isinstance(found, grammar.Unclear):
        return "right" if isinstance(wanted, Unclear) else "question back"
    if found is None:
        return "not understood"
    rows = data.run(found.sql)
    return "right" if is_answer(rows, wanted, language) else "wrong"


def is_answer(rows: Sequence[Sequence[Any]], wanted: Any, language: str) -> bool:
    """Whether the rows are what plain Python found."""
    match wanted:
        case Number(value):
            return len(rows) == 1 and any(_same(cell, value) for cell in rows[0])
        case Both(values):
            cells = [cell for row in rows for cell in row]
            return len(rows) <= 2 and all(any(_same(c, v) for c in cells) for v in values)
        case Pairs(pairs, is_ordered):
            keys = [_key(pair[0], language) for pair in pairs]
            width = len(keys[0])
            same_order = not is_ordered or [
                tuple(_plain(c) for c in row[:width]) for row in rows
            ] == [tuple(_plain(c) for c in key) for key in keys]
            said = {frozenset(_plain(c) for c in row[:width]): row[width:] for row in rows}
            found = [said.get(frozenset(_plain(c) for c in key), ()) for key in keys]
            return (
                same_order
                and len(rows) == len(pairs)
                and all(
                    any(_same(cell, value) for cell in cells)
                    for cells, (_, value) in zip(found, pairs, strict=True)
                )
            )
        case Names(values):
            names = sorted(str(_plain(translated(value, language))) for value in values)
            columns = zip(*rows, strict=True)
            return any(sorted(str(_plain(cell)) for cell in column) == names for column in columns)
    return False


def _key(key: Any, language: str) -> tuple[Any, ...]:
    if isinstance(key, tuple) and len(key) == 2 and translated(key[0], language) != key[0]:
        is_title = translated(key[1], language) == key[1]
        return (translated(key, language),) if is_title else _each(key, language)
    return (translated(key, language),)


def _each(key: tuple[Any, ...], language: str) -> tuple[Any, ...]:
    return tuple(translated(part, language) for part in key)


def _plain(value: Any) -> Any:
    return value.isoformat()[:10] if isinstance(value, date) else value


def _same(cell: Any, value: float) -> bool:
    if isinstance(cell, bool) or not isinstance(cell, int | float):
        return False
    return abs(cell - value) <= 1e-6 * max(1.0, abs(value))


def count(language: str, part: Part) -> Counter[Outcome]:
    """Return how many questions came out how."""
    return Counter(judge(one, language) for one in read(language, part))


def failures(language: str, part: Part) -> Iterator[tuple[Asked, Outcome]]:
    """Yield the questions that did not come out right."""
    for one in read(language, part):
        outcome = judge(one, language)
        if outcome != "right":
            yield one, outcome
