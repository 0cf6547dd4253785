"""Titles from questions and from models."""

import pytest

from tramontane.assistant import titles
from tramontane.money import NANO, Price


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("How do I add a model?", "How do I add a model?"),
        ("Write a letter. It must be polite.", "Write a letter"),
        ("# Rechnung 12\n\nBitte prüfen", "Rechnung 12"),
        ("- **Quel** est le `prix` ?", "Quel est le prix ?"),
        ("See [the page](https://example.org/x) please", "See the page please"),
        ("```python\nprint(1)\n```\nWhat does this do?", "What does this do?"),
        ("```\nonly code\n```", "only code"),
        ("   \n\n  ¿Qué hora es?  ", "¿Qué hora es?"),
        ("snake_case and 2*3", "snake_case and 2*3"),
        ("word " * 40, ("word " * 11).strip() + "…"),
        ("x" * 100, "x" * 59 + "…"),
        ("这是什么？请告诉我。", "这是什么？请告诉我。"),
    ],
)
def test_from_a_question(question: str, title: str) -> None:
    assert titles.from_question(question) == title


@pytest.mark.parametrize(
    "question", ["x", "```", "***", "#", "。", "- ", "<script>alert(1)</script>"]
)
def test_there_is_always_one_and_it_is_short(question: str) -> None:
    assert 1 <= len(titles.from_question(question)) <= 60


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ("Adding a model", "Adding a model"),
        ('"Un titre court".\n', "Un titre court"),
        ("Title: **Kurzer Titel**", "Kurzer Titel"),
        ("19.6 % of 2,480 is **486.08**.", "19.6 % of 2,480 is 486.08"),
        ("", None),
        ("Here is a title:\nA title", None),
        ("word " * 30, None),
        ("…", None),
    ],
)
def test_from_a_model(said: str, title: str | None) -> None:
    assert titles.from_model(said) == title


@pytest.mark.parametrize(
    ("name", "title"),
    [("annual.pdf", "annual.pdf"), ("a/b/annual.pdf", "annual.pdf"), ("a/", "a"), (" \t", " \t")],
)
def test_from_a_file(name: str, title: str) -> None:
    assert titles.from_file(name) == title
    assert len(titles.from_file("word " * 30 + ".pdf")) <= 60


@pytest.mark.parametrize(
    ("price", "is_free"),
    [
        (Price(), True),
        (Price(1, 0), False),
        (Price(0, NANO // 5), False),
        (Price(request_nano=1), False),
        (Price(cache_write_nano_per_mtok=NANO), False),
        (Price(is_known=False), False),
    ],
)
def test_only_a_model_that_costs_nothing_is_asked(price: Price, is_free: bool) -> None:
    assert titles.is_free(price) is is_free
