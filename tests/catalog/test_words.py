"""Words of names, and words that were meant by others."""

import pytest

from tramontane.catalog.rows import date_number
from tramontane.catalog.spellings import Spellings
from tramontane.catalog.words import folded, pieces, spellings, words


def test_names_in_words() -> None:
    assert words("Qwen2.5-7B Instruct") == ["qwen2.5", "7b", "instruct"]
    assert words("Mixtral_8x22B (v0.1)") == ["mixtral", "8x22b", "v0.1"]
    assert words("été, Größe 中文") == ["ete", "grosse", "中文"]
    assert folded("ÇA VA") == "ca va"
    assert spellings("qwen2.5") == ["qwen2.5", "qwen", "2.5"]
    assert spellings("8b") == ["8b"]
    assert pieces("llama3.1") == ["llama", "3", "1"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("mistrl", ["mistral"]),  # one too few
        ("mistrall", ["mistral"]),  # one too many
        ("mistrak", ["mistral"]),  # another
        ("msitral", ["mistral"]),  # two that changed places
        ("instruckt", ["instruct"]),
        ("instrukkt", ["instruct"]),  # two in a long word
        ("misral", ["mistral"]),
        ("xistrasl2", []),  # too far
        ("phi", []),  # too short to be sure
        ("3.1.1", []),
        ("mistrál", []),
    ],
)
def test_what_was_meant(typed: str, meant: list[str]) -> None:
    known = ["mistral", "mixtral", "instruct", "phi4", "größe"]
    near = Spellings(known, range(len(known))).near(typed)
    assert [known[place] for place in near] == meant


def test_nothing_is_near_where_nothing_is_known() -> None:
    assert Spellings([], []).near("mistral") == []


def test_dates_as_far_as_they_are_known() -> None:
    assert [date_number(date) for date in ("2025-03-17", "2025-03", "2025", "soon", None)] == [
        20250317, 20250300, 20250000, 0, 0,
    ]  # fmt: skip
