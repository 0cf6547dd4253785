"""Which language an answer is in: the question's, where that can be told."""

import pytest

from tramontane.guide.language import detect, language_of
from tramontane.handbook import LANGUAGES, pages


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_section_of_the_handbook_is_in_its_language(language: str) -> None:
    for page in pages(language):
        for section in page.sections:
            guess = detect(section.text)
            assert guess is not None and guess.language == language, section.title


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Où est le bouton ?", "fr"),
        ("ou est le bouton", "fr"),
        ("wo ist der knopf", "de"),
        ("donde esta el boton", "es"),
        ("dov'e il pulsante", "it"),
        ("where is the button", "en"),
        ("Quiero saber cuánto cuesta", "es"),
        ("Vorrei sapere quanto costa", "it"),
    ],
)
def test_short_texts_and_missing_accents(text: str, language: str) -> None:
    guess = detect(text)
    assert guess is not None and guess.is_sure
    assert guess.language == language


@pytest.mark.parametrize("text", ["", "12 * 7 = ?", "???", "2026-11-22"])
def test_what_has_no_words_has_no_language(text: str) -> None:
    assert detect(text) is None


def test_what_cannot_be_told_is_answered_as_before() -> None:
    assert language_of(["Wie geht das?", "12 * 7"], "fr") == "de"
    assert language_of(["12 * 7"], "fr") == "fr"
    assert language_of(["12 * 7"], None) == "en"
    assert language_of(["12 * 7"], "nl") == "en"


def test_it_takes_more_to_leave_the_readers_own_language() -> None:
    assert language_of(["Budgets?"], "fr") == "fr"
    assert language_of(["How do budgets work here?"], "fr") == "en"
