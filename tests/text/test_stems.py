"""Words that mean the same have one stem; numbers are kept, whatever way they are written."""

import pytest

from tramontane.text.stems import folded, stems, variants, words
from tramontane.text.stopwords import STOP_WORDS


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("en", "The contracts were signed", "signing a contract"),
        ("fr", "Les élections municipales", "election municipale"),
        ("de", "Die Häuser der Straßen", "das Haus, die Strasse"),
        ("es", "Las canciones españolas", "cancion espanola"),
        ("it", "Le università pubbliche", "l’universita pubblica"),
        (None, "contracten", "contract"),
    ],
)
def test_forms_of_a_word_have_one_stem(language: str | None, one: str, other: str) -> None:
    assert set(stems(one, language)) == set(stems(other, language))


@pytest.mark.parametrize(
    ("text", "stem"),
    [
        ("1,345,596", "1345596"),
        ("1.345.596", "1345596"),
        ("1 345 596", "1345596"),
        ("1\u202f345\u202f596", "1345596"),
        ("1’345’596", "1345596"),
        ("3.5", "3x5"),
        ("3,5", "3x5"),
        ("1.345,50", "1345x50"),
        ("1,345.50", "1345x50"),
        ("2010", "2010"),
        ("42%", "42"),
    ],
)
def test_a_number_has_one_spelling(text: str, stem: str) -> None:
    for language in ("en", "de", None):
        assert stems(f"{text} €", language) == [stem]


@pytest.mark.parametrize("language", STOP_WORDS)
def test_stop_words_say_nothing(language: str) -> None:
    assert stems(" ".join(STOP_WORDS[language]), language) == []
    assert all(folded(word) == word for word in STOP_WORDS[language])


def test_names_in_capitals_are_no_stop_words() -> None:
    assert stems("The WHO and IT in the US, the U.S.", "en") == ["who", "it", "us", "us"]
    assert stems("WHO IS IT", "en") == []


def test_what_is_not_seen_does_not_part_words() -> None:
    assert stems("Ver\u00adwal\u00adtung Verwal-\ntung", "de") == ["verwalt"] * 2
    assert stems("GDP¹ cœur coeur", "fr") == ["gdp", "coeur", "coeur"]


def test_words_say_where_they_stand() -> None:
    text = "L’été, 1 345 Häuser!"
    assert [text[word.start : word.end] for word in words(text, "de")] == [
        "été", "1 345", "Häuser",
    ]  # fmt: skip


def test_a_question_is_stemmed_as_each_language_would() -> None:
    assert variants("Chi è Barack Obama?", "it", ["de", "en"]) == [
        ("barack",),
        ("obam", "obama"),
    ]
    assert variants("und der", "de") == []
    assert variants("und der", None, ["de"]) == [("und",), ("der",)]  # nothing else is there
    assert variants("the und park", None, ["en", "de"]) == [("park",)]
    assert variants("", "en") == []


@pytest.mark.parametrize("text", ["a" * 100_000, "1" * 50_000, "1." * 20_000, "-\n" * 20_000, "''"])
def test_no_text_takes_long(text: str) -> None:
    stems(text, "de")
    variants(text, None, ["de", "en"])
