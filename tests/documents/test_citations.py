"""Quotes and marks in answers, against the passages that they name."""

import pytest

from tramontane.documents.citations import SourceText, check
from tramontane.store.messages import Check

SOURCES = (
    SourceText(
        1,
        "The office spent 4.2 million euros in 2024, of which rents took 38 %. Travel fell to"
        " 310,000 euros after the move. “A second site is not planned”, the director said.",
        "en",
        ("Annual report 2024.pdf", "Costs › 2024"),
    ),
    SourceText(
        2,
        "Die Verwal-\ntung zahlte 1.234,5 Mio. € für Mieten – mehr als im Vorjahr. Der Rat der"
        " Weisen sprach von einer „auffällig\nhohen“ Belastung; die E-Mail-\nAdresse blieb.",
        "de",
    ),
    SourceText(
        3,
        "L’office a dépensé 4 200 euros : c’est moins qu’en 2023. Les eﬀectifs ont baissé de 3 %.",
        "fr",
    ),
    SourceText(4, "Region | Costs\nNorth | 120\nSouth | 98", "en"),
)


def judged(text: str, kind: str = "quote", question: str = "") -> list[tuple[str, str, int | None]]:
    found = check(text, SOURCES, question)
    assert all(text[one.start : one.start + len(one.text)] == one.text for one in found)
    return [(one.text, one.verdict, one.source) for one in found if one.kind == kind]


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ('It says "The office spent 4.2 million euros" [1].', 1),
        ("It says “the office spent 4.2 million euros in 2024,” [1].", 1),
        ("« L'office a dépensé 4 200 euros » [3]", 3),
        ("«L'office a dépensé 4\u202f200 euros: c'est moins qu'en 2023.» [3]", 3),
        ("Er schreibt: „Die Verwaltung zahlte 1.234,5 Mio. € für Mieten - mehr“ [2].", 2),
        ("Er schreibt: »auffällig hohen« [2].", 2),
        ("Er schreibt: „die E-Mail-Adresse blieb“ [2].", 2),
        ("‚Der Rat der Weisen‘ [2]", 2),
        ("‘Travel fell to 310,000 euros’ [1]", 1),
        ("'Travel fell to 310,000 euros' [1]", 1),
        ("« Les effectifs ont baissé de 3% » [3]", 3),
        ('"The office spent […] of which rents took 38%" [1]', 1),
        ('"The office spent ... in 2024" [1]', 1),
        ('"[t]he office spent 4.2 million euros" [1]', 1),
        ('"A second site is not planned [sic]" [1]', 1),
        ('"A second site is not planned [1]"', 1),
        ('"A *second* site is **not** planned" [1]', 1),
        ('"second site" [1]', 1),
        ("> The office spent 4.2 million euros in 2024, of which\n> rents took 38%. [1]", 1),
        ('> "Travel fell to 310,000 euros after the move."\n> — Annual report, p. 3 [1]', 1),
        ("> Travel fell to 310,000 euros\nafter the move. [1]", 1),
        ('The report "Annual report 2024" [1]', 1),
        ('| Region | said |\n| --- | --- |\n| all | "North | 120" [4] |', 4),
        ('"North 120" [4]', 4),
        ('It says "Travel fell to 310,000 euros" without a mark.', 1),
        ('"Travel fell to\n310,000 euros" [1]', 1),
    ],
)
def test_true_quotes_are_proven(text: str, source: int) -> None:
    found = judged(text)
    assert found, text
    assert {(verdict, of) for _, verdict, of in found} == {("proven", source)}, found


@pytest.mark.parametrize(
    "text",
    [
        'It says "The office spent 4.3 million euros" [1].',
        'It says "The office spent 2 million euros" [1].',
        '"2 million euros in 2024" [1]',
        '"A second site is planned" [1]',
        '"second sit" [1]',
        '"of which … the office spent" [1]',
        "« L'office a dépensé 200 euros » [3]",
        "«200 euros» [3]",
        "„Die Verwaltung zahlte 234,5 Mio. € für Mieten“ [2]",
        "„234,5 Mio.“ [2]",
        "„Der Rat der weisen sprach“ [2]",
        "»auffällig niedrigen« [2]",
        "‚Der Rat der Narren‘ [2]",
        "‘Travel rose to 310,000 euros’ [1]",
        "> The office spent nothing in 2024. [1]",
        "> “The office spent nothing in 2024.”\n> — Annual report, p. 3",
        'He said: "The office has closed for good and nobody',
        "« L'office a fermé",
        '- point "the office has closed" [1]',
        '"The office spent 4.2 million euros in 2025" [1]',
        '"rents took 38" and "rents took 8 %"',
        '**"The office is closed"** [1]',
        '"Costs are high" [4]',
        "It is ‘closed’ [1].",
    ],
)
def test_false_quotes_are_not(text: str) -> None:
    assert "unproven" in {verdict for _, verdict, _ in judged(text)}, judged(text)


def test_a_block_is_judged_line_by_line() -> None:
    text = "> The office spent 4.2 million euros in 2024. It shut. Travel fell to 310,000 euros."
    assert [verdict for _, verdict, _ in judged(text)] == ["proven", "unproven", "proven"]


def test_words_of_the_question_are_not_false() -> None:
    (found,) = judged('You asked about "force majeure".', question="What is force majeure?")
    assert found[1] == "asked"


@pytest.mark.parametrize(
    "text",
    [
        '`print("hello world")`',
        '```\nx = "no quote"[1]\n```',
        '[text](https://example.org "a title")',
        '<a href="https://example.org">x</a>',
        "The workers' rights and l'office d'Arras, the '90s.",
        'A 19" screen and a 5\'10" man',
    ],
)
def test_what_is_no_quote(text: str) -> None:
    assert judged(text) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("So [1].", [("[1]", "proven", 1)]),
        ("So [1][2].", [("[1]", "proven", 1), ("[2]", "proven", 2)]),
        ("So [1, 9].", [("1", "proven", 1), ("9", "unproven", None)]),
        ("So [1-3].", [("1", "proven", 1), ("1", "proven", 2), ("3", "proven", 3)]),
        ("So 【2】 and 【3†report】.", [("【2】", "proven", 2), ("【3†report】", "proven", 3)]),
        ("So [^1].\n\n[^1]: the report", [("[^1]", "proven", 1), ("[^1]", "proven", 1)]),
        (
            "So [Quelle 2] [source: 7].",
            [("[Quelle 2]", "proven", 2), ("[source: 7]", "unproven", None)],
        ),
        ("So said they.² The area is 5 m².", [("²", "proven", 2)]),
        ("So <sup>2</sup>.", [("<sup>2</sup>", "proven", 2)]),
        ("[1](https://example.org) and [12]", [("[1]", "proven", 1), ("[12]", "unproven", None)]),
        ("`a[1]` and ```b[2]```", []),
        ("[x] done, [ ] not, [a1]", []),
    ],
)
def test_marks_name_sources(text: str, found: list[tuple[str, str, int | None]]) -> None:
    assert judged(text, "citation") == found


def test_a_quote_found_elsewhere_says_where_and_its_mark_is_wrong() -> None:
    text = '"Travel fell to 310,000 euros" [2]. All rose [2].'
    assert judged(text) == [("Travel fell to 310,000 euros", "proven", 1)]
    assert [v for _, v, _ in judged(text, "citation")] == ["unproven", "proven"]


def test_the_place_is_exact() -> None:
    def at(text: str) -> str:
        (quote, *_) = [one for one in check(text, SOURCES) if one.kind == "quote"]
        assert quote.source is not None
        assert quote.at is not None
        return SOURCES[quote.source - 1].text[slice(*quote.at)]

    assert at('"die Verwaltung zahlte" [2]') == "Die Verwal-\ntung zahlte"
    assert at('"office spent … rents took" [1]').startswith("office spent 4.2")
    assert at('"office spent … rents took" [1]').endswith("rents took")
    assert at("« les effectifs ont »") == "Les eﬀectifs ont"


def test_a_mark_points_to_the_sentence_that_it_is_about() -> None:
    def at(text: str) -> str | None:
        found: list[Check] = [one for one in check(text, SOURCES) if one.kind == "citation"]
        place = found[-1].at
        return None if place is None else SOURCES[0].text[slice(*place)]

    assert (at("The costs of travel fell after a move [1].") or "").startswith("Travel fell")
    assert at('He spoke of "rents" [1].') == "rents"
    assert at("Nothing alike [1].") is None


def test_long_and_strange_answers_take_no_time() -> None:
    for text in (
        '"' * 20_000,
        "“" * 3_000,
        "«a" * 3_000,
        "[1]" * 3_000,
        "> " * 5_000,
        "… " * 5_000,
    ):
        assert len(check(text, SOURCES)) <= 1_000
