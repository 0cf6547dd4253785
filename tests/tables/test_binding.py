"""Every false number in an answer is marked, no true one: over statements made at random."""

from decimal import Decimal

import pytest

from tests.tables.lies import Statement, statements
from tramontane.store.messages import Check, ResultColumn, ResultPart
from tramontane.tables.binding import bind


def wrongly_judged(one: Statement) -> list[str]:
    """Return the texts of the numbers that were judged wrongly."""
    checks = bind(one.text, [one.result], one.question, one.language)
    unproven = [check.text.strip("+-− ") for check in checks if check.verdict == "unproven"]
    false = [text.strip("+-− ").removesuffix("%").strip() for text in one.false]
    unproven = [text.removesuffix("%").strip() for text in unproven]
    return sorted({*unproven} ^ {*false})


def judged(count: int, seed: str) -> tuple[int, list[tuple[str, list[str]]]]:
    """Return how many statements are right to the last number, and those that are not."""
    wrong = []
    for one in statements(count, seed):
        if found := wrongly_judged(one):
            wrong.append((f"{one.language} {one.text} {one.result.rows}", found))
    return count - len(wrong), wrong


def test_every_false_number_is_marked_and_no_true_one() -> None:
    right, wrong = judged(400, "a few")
    assert wrong == []
    assert right == 400


@pytest.mark.slow
def test_every_false_number_of_ten_thousand_statements_is_marked_and_no_true_one() -> None:
    right, wrong = judged(10_000, "many")
    assert wrong == []
    assert right == 10_000


# --- one by one ----------------------------------------------------------------------------------

CITIES = ResultPart(
    id="call_7",
    title="Orders",
    tables=("orders",),
    sql="SELECT city, sum(x) FROM orders WHERE d >= DATE '2022-01-01' /* 77 */",
    columns=(ResultColumn("city", "text"), ResultColumn("Umsatz", "number")),
    rows=(("Lyon", 1234.56), ("Paris", 800), ("Nice", -20.5)),
    row_count=3,
)


def said(text: str, question: str = "Umsatz?", language: str = "de") -> dict[str, str]:
    return {c.text: c.verdict for c in bind(text, [CITIES], question, language)}


def test_a_proven_number_names_its_cell() -> None:
    (check,) = bind("In Lyon waren es 1.234,6.", [CITIES], "", "de", part=3)
    assert check == Check(
        part=3, start=17, text="1.234,6", kind="number", verdict="proven", cell=("call_7", 0, 1)
    )


def test_a_number_with_a_point_may_mean_two_and_either_may_be_proven() -> None:
    assert said("Lyon: 1.235") == {"1.235": "proven"}
    assert said("Lyon: 1,234.6", language="en") == {"1,234.6": "proven"}


def test_code_marks_numbering_and_ordinals_are_no_numbers() -> None:
    text = "1. Lyon [2]\n2) Paris `SELECT 42`\n```sql\nLIMIT 99\n```\nDer 3rd und A-17, Q-8."
    assert said(text) == {}


def test_what_was_asked_is_no_lie_and_no_proof() -> None:
    assert said("Über 500 liegen Lyon und Paris.", "Wer liegt über 500?") == {"500": "asked"}
    assert said("Seit 2022.") == {"2022": "asked"}


def test_a_comment_in_the_sql_proves_nothing() -> None:
    assert said("Es sind 77.") == {"77": "unproven"}


def test_a_loss_may_be_told_without_its_sign_but_no_gain() -> None:
    assert said("Nice verlor 20,5.") == {"20,5": "proven"}
    assert said("Nice gewann 20,5.") == {"20,5": "unproven"}


def test_sums_differences_and_counts_are_calculated_where_the_words_say_so() -> None:
    assert said("Zusammen 2.014,06.") == {"2.014,06": "calculated"}
    assert said("Lyon hatte 2.014,06.") == {"2.014,06": "unproven"}
    assert said("Es sind 3 Städte.") == {"3": "calculated"}
    found = said("Lyon 1.234,56, Paris 800: ein Unterschied von 434,56.")
    assert found["434,56"] == "calculated"


def test_a_number_of_another_row_is_no_proof() -> None:
    assert said("In Lyon waren es 800.") == {"800": "unproven"}
    assert said("Lyon 800, Paris 1.235.") == {"800": "unproven", "1.235": "unproven"}
    assert said("Lyon führt mit 1.235, der letzte hat −20,5.") == {
        "1.235": "proven",
        "−20,5": "proven",
    }


def test_without_results_nothing_is_checked() -> None:
    assert bind("42", [], "", "en") == []


def test_a_cell_that_is_no_finite_number_proves_nothing() -> None:
    odd = ResultPart(
        id="c", title="", tables=(), sql="", columns=(ResultColumn("x", "number"),),
        rows=((float("nan"),), (float("inf"),), (Decimal("5"),), (None,), (True,)), row_count=5,
    )  # fmt: skip
    verdicts = [c.verdict for c in bind("5 and 1 and 0", [odd], "", "en")]
    assert verdicts == ["proven", "unproven", "unproven"]
