"""From a question and those before it to SQL, or to a question back."""

from collections.abc import Sequence
from datetime import date

import msgspec

from tramontane.guide.conversation import TableFacts


class Asked(msgspec.Struct, frozen=True):
    """A question that was understood: `sql` answers it, `understood` says it in words."""

    sql: str
    table: str
    understood: str


class Unclear(msgspec.Struct, frozen=True):
    """A question back: `text` asks it in Markdown, `candidates` are the titles that fit."""

    text: str
    candidates: tuple[str, ...]


def ask(
    question: str,
    earlier: Sequence[str],
    tables: Sequence[TableFacts],
    language: str,
    today: date | None = None,
) -> Asked | Unclear | None:
    """Return what `question` asks of `tables`; None where it asks nothing of them.

    `earlier` are the person's questions before it, oldest first: it may go on from them. `today`
    is what "last month" counts from.
    """
    words = (
        "how many rows",
        "combien de lignes",
        "wie viele zeilen",
        "cuántas filas",
        "quante righe",
    )
    if len(tables) != 1 or not any(w in question.lower() for w in words):
        return None
    name = tables[0].name.replace('"', '""')
    return Asked(f'SELECT count(*) AS "n" FROM "{name}"', tables[0].name, tables[0].title)
