"""The guide's turn with tables: a call of the tool, then its result in words; questions back."""

import msgspec
import pytest

from tests.guide.asked import TODAY
from tests.guide.tables.asked import database
from tramontane import guide
from tramontane.guide.tabletalk import TOOL


def context(name: str = "orders", language: str = "en", **more: object) -> guide.Context:
    tables = tuple(database(language).facts[name])
    return guide.Context(today=TODAY, language=language, tables=tables, **more)  # type: ignore[arg-type]


def user(text: str) -> guide.Message:
    return guide.Message("user", text)


def turn(
    question: str, known: guide.Context, before: tuple[guide.Message, ...] = ()
) -> tuple[guide.Call | None, str]:
    """Return the call that the guide makes, and what it says once the SQL was run."""
    messages = [*before, user(question)]
    said = list(guide.answer(messages, known, {TOOL}))
    call = said[-1]
    if not isinstance(call, guide.Call):
        return None, "".join(p.text for p in said if isinstance(p, guide.Piece))
    result = run(call, known.language or "en")
    messages.append(guide.Message("assistant", "", (call,)))
    messages.append(guide.Message("tool", result, (), call.id))
    told = list(guide.answer(messages, known, {TOOL}))
    return call, "".join(p.text for p in told if isinstance(p, guide.Piece))


def run(call: guide.Call, language: str) -> str:
    """Return what the tool tells of the SQL's result."""
    sql = msgspec.json.decode(call.arguments)["sql"]
    cursor = database(language).connection.execute(sql)
    names = [column[0] for column in cursor.description or ()]
    rows = cursor.fetchall()
    columns = [{"name": name, "type": "text"} for name in names]
    result = {"columns": columns, "rows": rows[:50], "row_count": len(rows), "is_truncated": False}
    return msgspec.json.encode(result).decode()


def test_a_question_becomes_a_call_and_its_result_is_told() -> None:
    call, said = turn("How many orders are there from Lyon?", context())
    assert call is not None and call.name == TOOL
    assert said.startswith("Number of Orders: **42**.")
    assert "City is “Lyon”" in said


@pytest.mark.parametrize(
    ("language", "question", "number"),
    [
        ("en", "What was the total amount in 2023?", "39,372.55"),
        ("fr", "Quel est le montant total en 2023 ?", "39\u202f372,55"),
        ("de", "Wie hoch ist der Gesamtbetrag 2023?", "39.372,55"),
        ("es", "¿Cuál fue el importe total en 2023?", "39.372,55"),
        ("it", "Qual è l'importo totale nel 2023?", "39.372,55"),
    ],
)
def test_numbers_are_told_in_the_readers_notation(
    language: str, question: str, number: str
) -> None:
    assert f"**{number}**" in turn(question, context("orders", language))[1]


def test_a_question_that_fits_two_columns_is_asked_back_and_its_answer_goes_on() -> None:
    call, said = turn("What is the average?", context())
    assert call is None
    assert "**Quantity**, **Unit price** or **Amount**" in said
    before = (user("What is the average?"), guide.Message("assistant", said))
    call, said = turn("the amount", context(), before)
    assert call is not None and 'avg("amount")' in call.arguments.replace("\\", "")
    assert "average of Amount" in said


def test_a_question_goes_on_from_the_one_before() -> None:
    before = (user("total amount by city"), guide.Message("assistant", "…"))
    call, said = turn("only in 2023", context(), before)
    assert call is not None and "2023-01-01" in call.arguments
    assert "by City where Order date in 2023" in said


def test_an_unknown_name_is_asked_back_and_not_left_out() -> None:
    call, said = turn("How many orders are from Narnia?", context())
    assert call is None
    assert "Narnia" in said


def test_what_tables_do_not_know_is_left_to_the_handbook() -> None:
    call, said = turn("How do I add a provider?", context())
    assert call is None
    assert "/docs/en/" in said


def test_what_nobody_knows_says_what_is_here() -> None:
    call, said = turn("Which wizard defeated the dragon?", context())
    assert call is None
    assert "**Orders** with" in said
    assert "total Amount by Product" in said
    call, _ = turn("total Amount by Product", context())
    assert call is not None


def test_without_the_tool_the_query_is_shown() -> None:
    said = list(guide.answer([user("How many orders are there?")], context()))
    assert not any(isinstance(piece, guide.Call) for piece in said)
    text = "".join(piece.text for piece in said if isinstance(piece, guide.Piece))
    assert "```sql\nSELECT count(*)" in text


def test_a_query_that_failed_is_said_to_have() -> None:
    question = user("How many orders are there?")
    tool = guide.Message("tool", "The time limit was reached.", (), "call_1")
    said = list(guide.answer([question, guide.Message("assistant", ""), tool], context(), {TOOL}))
    assert [p.text for p in said if isinstance(p, guide.Piece)] == [
        "The query could not be run: The time limit was reached."
    ]


def test_values_are_no_markdown_in_the_answer() -> None:
    result = {
        "columns": [{"name": "City", "type": "text"}, {"name": "Amount (total)", "type": "number"}],
        "rows": [["[x](http://a.example) <b>*", 5]], "row_count": 1, "is_truncated": False,
    }  # fmt: skip
    question = user("total amount by city")
    tool = guide.Message("tool", msgspec.json.encode(result).decode(), (), "call_1")
    said = list(guide.answer([question, guide.Message("assistant", ""), tool], context(), {TOOL}))
    text = "".join(p.text for p in said if isinstance(p, guide.Piece))
    assert "\\[x\\](http://a.example) \\<b\\>\\*" in text


def test_documents_are_quoted_where_a_question_is_none_to_a_table() -> None:
    source = guide.SourceText(
        number=1, document="report.pdf", page=3, language="en",
        text="The library opened in 1912. The new bridge was built by Ada Costa in 1987.",
    )  # fmt: skip
    known = guide.Context(today=TODAY, language="en", sources=(source,))
    _, said = turn("Who built the new bridge?", known)
    assert "built by Ada Costa" in said
    assert "[1]" in said
    _, said = turn("Which wizard defeated the dragon?", known)
    assert said.startswith("I find no answer to that in the passages of these documents.")


def test_a_value_that_the_context_does_not_list_is_looked_for_in_the_column_chosen() -> None:
    (table,) = database("en").facts["orders"]
    columns = tuple(msgspec.structs.replace(c, values=c.values[:3]) for c in table.columns)
    known = guide.Context(
        today=TODAY, language="en", tables=(msgspec.structs.replace(table, columns=columns),)
    )
    asked = user("How many orders from Garcia?")
    call, said = turn(asked.text, known)
    assert call is None
    assert "**Customer**, **City** or **Product**" in said
    before: tuple[guide.Message, ...] = (asked, guide.Message("assistant", said))
    call, said = turn("Customer", known, before)
    assert call is not None
    assert "Customer contains “Garcia”" in said
    before = (*before, user("Customer"), guide.Message("assistant", said))
    call, said = turn("and Lopez?", known, before)
    assert "Customer contains “Lopez”" in said


def test_what_would_change_the_answer_is_not_left_out() -> None:
    call, said = turn("How many orders with discount?", context())
    assert call is None
    assert "“discount”" in said


def test_a_currency_behind_a_number_is_no_name() -> None:
    known = context("staff", "de")
    call, said = turn("Wie viele Mitarbeiter verdienen mehr als 50.000 Euro?", known)
    assert call is not None
    assert "Gehalt über 50.000, in der Tabelle" in said
