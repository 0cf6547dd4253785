"""Every number that the guide says about a result is a cell of it, or was in the question."""

import msgspec
import pytest

from tests.guide.tables import asked
from tramontane.guide import tables as grammar
from tramontane.guide.tables.telling import Result, ResultColumn, tell
from tramontane.store import messages
from tramontane.tables.binding import bind
from tramontane.tables.profile import kind_of

ROWS_TOLD = 50


def unproven(one: asked.Asked, language: str) -> list[str]:
    """Return the numbers of the guide's answer that are not bound."""
    data = asked.database(language)
    *earlier, question = one.questions
    tables = data.facts[one.task.partition(".")[0]]
    found = grammar.ask(question, earlier, tables, language, asked.TODAY)
    if not isinstance(found, grammar.Asked):
        return []
    cursor = data.connection.execute(found.sql)
    columns = [(column[0], kind_of(str(column[1]))) for column in cursor.description or ()]
    rows = msgspec.json.decode(msgspec.json.encode(cursor.fetchall()), type=list[list[object]])
    result = Result(
        [ResultColumn(*column) for column in columns], rows[:ROWS_TOLD], len(rows),
        len(rows) > ROWS_TOLD,
    )  # fmt: skip
    part = messages.ResultPart(
        id="call_1", title="", tables=(), sql=found.sql, row_count=len(rows),
        columns=tuple(messages.ResultColumn(*column) for column in columns),
        rows=tuple(tuple(row) for row in rows),
    )  # fmt: skip
    text = tell(found, result, language)
    checks = bind(text, [part], "\n".join(one.questions), language)
    return [f"{check.text} in: {text}" for check in checks if check.verdict == "unproven"]


@pytest.mark.parametrize("language", ["en", "fr", "de", "es", "it"])
def test_the_guide_says_no_number_that_is_not_in_the_result(language: str) -> None:
    every = asked.read(language, "development")[::2]
    assert [found for one in every for found in unproven(one, language)] == []


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "fr", "de", "es", "it"])
def test_the_guide_says_no_such_number_to_any_question(language: str) -> None:
    every = asked.read(language, "development") + asked.read(language, "held out")
    assert [found for one in every for found in unproven(one, language)] == []
