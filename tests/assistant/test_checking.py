"""Numbers in answers from documents: what is proven, worked out, asked or made up."""

import pytest

from tramontane.assistant.checking import checked
from tramontane.assistant.evidence import Shown
from tramontane.guide.vocabulary import say
from tramontane.handbook import pages
from tramontane.store.messages import (
    Part,
    ResultColumn,
    ResultPart,
    Source,
    SourcesPart,
    TextPart,
    ToolPart,
)

TEXTS = (
    (
        "The Graz office spent 4.2 million euros in 2024. Of this, rents took 38%. Travel fell to"
        " 310,000 euros on 3 March 2024, after the move to Rouen; 1,308 trips were made."
    ),
    "Die Quote sank um 3,5 % auf 41 Prozent. Es blieben 1.234 Anträge, 12 davon strittig.",
)


def shown() -> list[Shown]:
    return [
        Shown(
            Source(
                number=at, document_id="d", document="Report 2023.pdf", passage=at, page=10 + at
            ),
            text,
            language,
        )
        for at, (text, language) in enumerate(zip(TEXTS, ("en", "de"), strict=True), 1)
    ]


def numbers(text: str, *more: Part, question: str = "", language: str = "en") -> dict[str, str]:
    sources = SourcesPart(tuple(each.source for each in shown()), 2)
    found = checked([sources, *more, TextPart(text)], shown(), question, language)
    assert found is not None
    return {check.text: check.verdict for check in found.checks if check.kind == "number"}


@pytest.mark.parametrize(
    "text",
    [
        "It spent 4.2 million euros [1].",
        "It spent 4,200,000 euros.",
        "In Graz, rents took 38% [1].",
        "Rents in Graz: 38 percent.",
        "About 310 thousand euros went to travel in 2024 [1].",
        "The move came on 3 March 2024 [1].",
        "Some 1300 trips were made [1].",
        "See page 11 of Report 2023.pdf.",
        "Il restait 1 234 demandes, dont 12 contestées [2].",
        "The quota is 41 % now [2].",
    ],
)
def test_what_passages_say_is_proven(text: str) -> None:
    assert set(numbers(text).values()) == {"proven"}, numbers(text)


@pytest.mark.parametrize(
    "text",
    [
        "It spent 4.3 million euros [1].",
        "It spent 4.2 billion euros [1].",
        "Rents took 39% [1].",
        "Rents took 310,000 euros [1].",
        "The quota is 42 % now [2].",
        "The move came on 4 March 2024 [1].",
        "There were 1,400 trips [1].",
        "There were 38 trips [1].",
        "It lost -4.2 million euros [1].",
        "See page 99.",
    ],
)
def test_what_they_do_not_say_is_not(text: str) -> None:
    assert "unproven" in numbers(text).values(), numbers(text)


def test_numbers_of_the_question_are_asked() -> None:
    assert numbers("You asked about 555 cases.", question="What of 555 cases?") == {"555": "asked"}


def test_sums_of_a_tool_are_calculated_where_what_went_in_is_known() -> None:
    def worked(expression: str, result: str) -> ToolPart:
        arguments = f'{{"expression": "{expression}"}}'
        return ToolPart(id="c", name="calculator", arguments=arguments, result=result)

    right = worked("4200000 + 310000", "4,200,000 + 310,000 = 4,510,000")
    wrong = worked("4200000 + 999999", "4,200,000 + 999,999 = 5,199,999")
    assert numbers("Together 4,510,000 euros.", right) == {"4,510,000": "calculated"}
    assert numbers("Together 5,199,999 euros.", wrong) == {"5,199,999": "unproven"}


def test_sums_and_differences_that_the_words_name_are_calculated() -> None:
    text = "Rents and travel: 4.2 million and 310,000 euros, together 4.51 million [1]."
    assert numbers(text)["4.51 million"] == "calculated"
    text = "Between 4.2 million and 310,000 euros there is a difference of 3,890,000 [1]."
    assert numbers(text)["3,890,000"] == "calculated"
    text = "Rents and travel: 4.2 million and 310,000 euros, together 4.61 million [1]."
    assert numbers(text)["4.61 million"] == "unproven"


def test_numbers_that_sql_writes_into_its_result_prove_nothing() -> None:
    def result(sql: str) -> ResultPart:
        return ResultPart(
            id="c",
            title="sales",
            tables=("t",),
            sql=sql,
            columns=(ResultColumn("region", "text"), ResultColumn("total", "number")),
            rows=(("North", 777),),
            row_count=1,
        )

    true = result("SELECT region, sum(n) AS total FROM sales GROUP BY region")
    false = result("SELECT region, 777 AS total FROM sales")
    worked = result("SELECT region, 700 + 77 AS total FROM sales")
    assert numbers("North has 777.", true) == {"777": "proven"}
    assert numbers("North has 777.", false) == {"777": "unproven"}
    assert numbers("North has 777.", worked) == {"777": "unproven"}


def test_the_items_of_a_list_may_be_counted() -> None:
    assert numbers("There are 2 points:\n\n- rents\n- travel") == {}
    assert numbers("There are 7 points:\n\n- rents\n- travel") == {"7": "unproven"}


def test_code_marks_and_numbering_are_no_numbers() -> None:
    assert numbers("1. Rents [1]\n2. `x = 77`\n3. Travel 【2】[^1]") == {}


def test_without_sources_and_results_nothing_is_checked() -> None:
    assert checked([TextPart('It is 5, "they" say [1].')], (), "", "en") is None


def test_a_deleted_document_proves_nothing_but_is_named() -> None:
    sources = SourcesPart((shown()[0].source,), 1)
    found = checked([sources, TextPart('"rents took 38%" [1]')], (), "", "en")
    assert found is not None
    assert [check.verdict for check in found.checks] == ["unproven", "proven"]


def test_the_line_that_says_where_a_quote_is_from_claims_no_numbers() -> None:
    quote = "> “Of this, rents took 38%.” [1]\n>\n> — *Report 2023.pdf, page 11 · 4.2 Rents › 9*"
    assert numbers(quote) == {}
    assert numbers(f"{quote}\n\nIt was page 99 [1].") == {"99": "unproven"}


def test_what_is_given_of_the_handbook_is_not_looked_for_in_documents() -> None:
    section = pages("en")[0].sections[0].text
    block = "\n".join(f"> {line}".rstrip() for line in section.splitlines())
    sources = SourcesPart(tuple(each.source for each in shown()), 2)
    for said, is_checked in ((block, False), ("> It costs 71 euros.", True)):
        text = TextPart(f"{say('en', 'from')}\n\n{said}\n\nMore.")
        found = checked([sources, text], shown(), "", "en")
        assert found is not None and bool(found.checks) is is_checked, found
