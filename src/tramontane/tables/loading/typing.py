"""What the columns of a staged table are: number, date, moment, truth or text; how to read them.

A column has a type where at least `FITTING` of its filled cells fit it. The others are not lost:
what means "no value" is counted, and what else does not fit stands in a column beside it.
"""

from typing import TYPE_CHECKING, Any

import msgspec

from tramontane.tables.loading import dates, numbers
from tramontane.tables.loading.numbers import MARKERS, Reading
from tramontane.tables.loading.sheet import rows
from tramontane.tables.profile import Note

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FITTING = 0.95
SAMPLE_ROWS = 4_000
_TRUTHS = (
    ("true", "false"), ("yes", "no"), ("oui", "non"), ("ja", "nein"), ("si", "no"), ("sí", "no"),
    ("sì", "no"), ("vrai", "faux"), ("wahr", "falsch"), ("verdadero", "falso"), ("vero", "falso"),
    ("y", "n"), ("t", "f"),
)  # fmt: skip


class Typed(msgspec.Struct, kw_only=True):
    """A column of the staged table `raw` and how it is read; None: as text.

    `misfits`: how many cells did not fit and stand beside it as they were written.
    """

    column: str
    reading: Reading | None
    misfits: int = 0
    notes: list[Note] = []


def cell(column: str) -> str:
    """Return the SQL of a cell without space around it, NULL where nothing is left: as staged."""
    return f"nullif(trim({column}, ' \t\r\n\u00a0\u202f\ufeff'), '')"


def columns(
    connection: "DuckDBPyConnection",
    raw: str,
    titles: list[str],
    has_comma: bool | None,
    first_row: int,
) -> list[Typed]:
    """Return how each column of `raw` (c0, c1, …) is read, in their order.

    What is unclear in one column, the others decide: where one writes 1.234,5, so do all.
    """
    table = _Staged(connection, raw, first_row)
    table.take_sample()
    guesses = [table.guess(f"c{number}") for number in range(len(titles))]
    made: list[Typed] = []
    unclear: list[int] = []
    styles: list[bool] = []
    for number, guess in enumerate(guesses):
        typed = table.typed(f"c{number}", titles[number], guess, has_comma)
        made.append(typed)
        if typed.reading is None or typed.reading.kind != "number":
            continue
        if typed.reading.is_unclear:
            unclear.append(number)
        elif "', '.')" in typed.reading.sql:
            styles.append(True)
    if unclear and has_comma is None and styles:
        for number in unclear:
            made[number] = table.typed(f"c{number}", titles[number], "number", True)
    return made


class _Staged:
    def __init__(self, connection: "DuckDBPyConnection", raw: str, first_row: int) -> None:
        self._connection = connection
        self._raw = raw
        self._first_row = first_row

    def take_sample(self) -> None:
        """Keep some rows from everywhere, so that guessing costs the same for any size."""
        count = self._one(f"SELECT count(*) FROM {self._raw}")[0]
        step = max(1, count // SAMPLE_ROWS)
        self._connection.execute(
            f"CREATE OR REPLACE TEMP TABLE sample AS SELECT * FROM {self._raw}"
            f" WHERE rowid < 500 OR rowid % {step} = 0"
        )

    def guess(self, column: str) -> str:
        """Return what the column seems to be from the sample: a kind, or "text"."""
        marker = f"lower(cell_v) IN ({_listed(MARKERS)})"
        row = self._one(
            f"SELECT count(*), count(*) FILTER ({numbers.is_number('cell_v')}),"
            f" count(*) FILTER (regexp_matches(cell_v, '\\d{{2}}') AND {dates.is_date('cell_v')}),"
            " count(DISTINCT lower(cell_v)), list(DISTINCT lower(cell_v))[:4]"
            f" FROM (SELECT {column} AS cell_v FROM sample)"
            f" WHERE cell_v IS NOT NULL AND NOT ({marker})"
        )
        filled, as_number, as_date, different, words = row
        if not filled:
            return "text"
        if different <= 2 and any(set(words) <= set(pair) for pair in _TRUTHS):
            return "truth" if different == 2 or words[0] in ("true", "false") else "text"
        if as_date >= filled * FITTING:
            return "date"
        return "number" if as_number >= filled * FITTING else "text"

    def typed(self, column: str, title: str, guess: str, has_comma: bool | None) -> Typed:
        """Return how the whole column is read, if it is as it seemed."""
        source = f"(SELECT {column} AS cell_v FROM {self._raw})"
        filled = f"(SELECT cell_v FROM {source} WHERE cell_v IS NOT NULL)"
        reading = None
        if guess == "truth":
            reading = _truth()
        elif guess == "date":
            reading = dates.plain(self._connection, filled)
            if reading is not None:
                return Typed(column=column, reading=reading)
            reading = dates.read(self._connection, filled)
        elif guess == "number":
            reading = numbers.plain(self._connection, filled)
            if reading is not None:
                return Typed(column=column, reading=reading)
            unmarked = (
                f"(SELECT cell_v FROM {source} WHERE lower(cell_v) NOT IN ({_listed(MARKERS)}))"
            )
            reading = numbers.read(self._connection, unmarked, has_comma)
        if reading is None:
            return Typed(column=column, reading=None)
        return self._checked(column, title, reading, source)

    def _checked(self, column: str, title: str, reading: Reading, source: str) -> Typed:
        marker = f"lower(cell_v) IN ({_listed(MARKERS)})"
        filled, marked, odd = self._one(
            f"SELECT count(cell_v), count(*) FILTER (m AND w IS NULL),"
            f" count(*) FILTER (w IS NULL AND NOT m AND cell_v IS NOT NULL)"
            f" FROM (SELECT cell_v, {reading.sql} AS w, coalesce({marker}, false) AS m"
            f" FROM {source})"
        )
        name = title or column
        if odd > (filled - marked) * (1 - FITTING):
            examples, _ = self._examples(column, reading)
            note = Note(
                "kept_as_text",
                f"{name!r} looks like {_PLURAL[reading.kind]}, but {odd} of {filled} values do not"
                f" fit ({examples}); it is text.",
            )
            return Typed(column=column, reading=None, notes=[note])
        notes = [Note(code, f"{name!r}: {message}.") for code, message in reading.notes]
        if marked:
            words = self._one(f"SELECT list(DISTINCT cell_v)[:5] FROM {source} WHERE {marker}")[0]
            told = ", ".join(repr(word) for word in words)
            notes.append(
                Note("no_value", f"{name!r}: {marked} cells say {told} and count as empty.")
            )
        if odd:
            examples, where = self._examples(column, reading)
            notes.append(
                Note(
                    "misfits",
                    f"{name!r}: {odd} of {filled} values are no {_PLURAL[reading.kind]}"
                    f" ({examples}, {rows(where, odd)}); they stand in the column beside it as they"
                    " were written.",
                )
            )
        return Typed(column=column, reading=reading, misfits=odd, notes=notes)

    def _examples(self, column: str, reading: Reading) -> tuple[str, list[int]]:
        found = self._connection.execute(
            f"SELECT cell_v, r FROM (SELECT {column} AS cell_v, rowid AS r FROM {self._raw})"
            f" WHERE cell_v IS NOT NULL AND ({reading.sql}) IS NULL"
            f" AND lower(cell_v) NOT IN ({_listed(MARKERS)}) ORDER BY r LIMIT 3"
        ).fetchall()
        shown = ", ".join(repr(str(value)[:40]) for value, _ in found)
        return shown, [int(number) + self._first_row for _, number in found]

    def _one(self, sql: str) -> tuple[Any, ...]:
        row = self._connection.execute(sql).fetchone()
        assert row is not None
        return row


_PLURAL = {"number": "numbers", "date": "dates", "moment": "moments", "truth": "yes or no"}


def _truth() -> Reading:
    yes = _listed(sorted({pair[0] for pair in _TRUTHS}))
    no = _listed(sorted({pair[1] for pair in _TRUTHS}))
    sql = (
        f"CASE WHEN lower(cell_v) IN ({yes}) THEN true WHEN lower(cell_v) IN ({no}) THEN false END"
    )
    return Reading(kind="truth", sql=sql, sql_type="BOOLEAN")


def _listed(words: Any) -> str:
    return ", ".join("'" + word.replace("'", "''") + "'" for word in words)


def misfit(reading: Reading, column: str) -> str:
    """Return the SQL of what stands beside the column: the trimmed cells that did not fit."""
    marker = f"lower({column}) IN ({_listed(MARKERS)})"
    return f"CASE WHEN ({reading.of(column)}) IS NULL AND NOT ({marker}) THEN {column} END"
