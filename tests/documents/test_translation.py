"""A question goes to a model only to be translated, and what comes back is only searched for."""

import asyncio
from collections.abc import Collection

import pytest

from tramontane.documents import translation

QUESTION = "De combien les loyers ont-ils augmenté à Bonn en 2024 ?"


def translated(answer: str, language: str | None, others: Collection[str]) -> dict[str, str]:
    asked: list[str] = []

    async def ask(prompt: str) -> str:
        asked.append(prompt)
        return answer

    found = asyncio.run(translation.translated(QUESTION, language, others, ask))
    assert len(asked) <= 1
    assert all(QUESTION in prompt for prompt in asked)
    if not asked:
        assert found == {}
    return found


def test_each_language_but_its_own_is_asked_for() -> None:
    answer = "en: How much did rents rise in Bonn in 2024? rent increase\nde: Mieten Bonn 2024"
    assert translated(answer, "fr", {"fr", "en", "de"}) == {
        "en": "How much did rents rise in Bonn in 2024? rent increase",
        "de": "Mieten Bonn 2024",
    }
    assert translated(answer, "fr", {"fr"}) == {}
    assert translated(answer, "fr", {"xx"}) == {}


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("Sure! Here you are:\n\n- **de:** Mieten in Bonn\nEnjoy!", {"de": "Mieten in Bonn"}),
        ("`de`: Mieten", {"de": "Mieten"}),
        ("de: Mieten\nde: something else", {"de": "Mieten"}),
        ("de: …", {}),
        ("The rents rose by 4 %.", {}),
        ("", {}),
        ("de: " + "Miete " * 1_000, {"de": ("Miete " * 1_000)[:400]}),
    ],
)
def test_whatever_else_a_model_says_is_left_out(answer: str, found: dict[str, str]) -> None:
    assert translated(answer, "fr", {"de"}) == found


def test_a_long_question_is_cut() -> None:
    assert len(translation.prompt("word " * 5_000, ["de"])) < 2_000
