"""How many questions the guide answers rightly, and how often it admits that it does not know.

The floors are what was measured (docs/lab-log.md) less one, since an edit to the handbook may move
a question; the threshold of the search was chosen on the development questions alone.
"""

from collections import Counter

import pytest

from tests.guide import asked
from tramontane.guide.language import detect
from tramontane.handbook import LANGUAGES, pages

# Held out, per language: answered from an expected page, at least; wrongly answered, at most.
PARTS: tuple[asked.Part, ...] = ("development", "held out")
FLOORS = {"en": (33, 2), "fr": (32, 4), "de": (32, 2), "es": (31, 1), "it": (34, 2)}


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_enough_questions_and_their_pages_exist(language: str) -> None:
    slugs = {page.slug for page in pages(language)}
    every = asked.read(language, "development") + asked.read(language, "held out")
    assert len({question.text for question in every}) == len(every) >= 60
    assert sum(not question.pages for question in every) >= 15
    assert set().union(*(question.pages for question in every)) == slugs
    held = asked.read(language, "held out")
    assert len(held) >= 30
    assert sum(not question.pages for question in held) >= 7


@pytest.mark.parametrize("language", LANGUAGES)
def test_held_out_questions_are_answered_as_measured(language: str) -> None:
    found = asked.count(language, "held out")
    right, wrong = FLOORS[language]
    assert found["right"] >= right, found
    assert found["wrong page"] + found["made up"] <= wrong, found


def test_development_questions_are_answered_as_measured() -> None:
    found = Counter[asked.Outcome]()
    for language in LANGUAGES:
        found.update(asked.count(language, "development"))
    assert found["right"] >= 323, found
    assert found["wrong page"] <= 3, found
    assert found["made up"] == 0, found


def test_the_language_of_nearly_every_question_is_known() -> None:
    every = [
        (language, question.text)
        for language in LANGUAGES
        for part in PARTS
        for question in asked.read(language, part)
    ]
    guesses = [(language, detect(text)) for language, text in every]
    right = sum(guess is not None and guess.language == language for language, guess in guesses)
    assert right >= len(every) - 2
