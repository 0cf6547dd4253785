"""A text is cut where its sentences end, and nothing of it is lost."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tramontane.text.sentences import sentences


def cut(text: str, language: str | None) -> list[str]:
    return [text[begin:end] for begin, end in sentences(text, language)]


@pytest.mark.parametrize(
    ("language", "wanted"),
    [
        ("en", ["Dr. Kay met J. R. Smith in the U.S. on 3 May.", "He left!", "It was No. 5."]),
        ("en", ['"Why?" she asked.', "It cost $3.50.", "See e.g. Table 2.", "Really?!"]),
        ("fr", ["M. Dupont est venu.", "« Pourquoi ? » dit-il.", "Voir p. 12 et cf. Durand."]),
        ("fr", ["Mme Curie l’a dit.", "Il a payé 3,5 millions env. en tout."]),
        ("de", ["Am 3. Oktober 1990 war es, z. B. hier, so weit.", "Im 19. Jh. nicht.", "Gut."]),
        ("de", ["„Ja.“", "Das kostete ca. 5 Mio. Euro bzw. 4 %.", "Abs. 2 gilt nicht."]),
        ("es", ["El Sr. García vive en EE. UU. desde 1990.", "¿Por qué?", "No se sabe."]),
        ("it", ["Il sig. Rossi, cfr. pag. 3, arriva.", "Costa ca. 3.000 euro.", "Ecco!"]),
        (None, ["Am 3. Oktober kam M. Dupont.", "Then Dr. Kay left."]),
    ],
)
def test_sentences_end_where_they_end(language: str | None, wanted: list[str]) -> None:
    assert cut(" ".join(wanted), language) == wanted


def test_lines_that_are_no_prose_stand_alone() -> None:
    text = "Costs\n\nRents rose\nby a third. More:\n- first. And so on\n- second\n\nA | B\n1 | 2"
    assert cut(text, "en") == [
        "Costs", "Rents rose\nby a third.", "More:", "- first.", "And so on", "- second",
        "A | B", "1 | 2",
    ]  # fmt: skip


def test_a_number_at_the_beginning_of_a_line_is_an_item_where_it_counts() -> None:
    text = "Goals:\n1. At most 2.\n2. No more\n3. The end"
    assert cut(text, "en") == ["Goals:", "1. At most 2.", "2. No more", "3. The end"]
    assert cut("Es kostet viel, und den\n97. Teil davon\n1990. Gut.", "de") == [
        "Es kostet viel, und den\n97. Teil davon\n1990.",
        "Gut.",
    ]


@given(
    st.text(alphabet="aB1. !?»“\n|-’…de", max_size=80), st.sampled_from(["en", "de", "fr", None])
)
def test_nothing_is_lost_and_nothing_overlaps(text: str, language: str | None) -> None:
    spans = sentences(text, language)
    assert all(begin < end for begin, end in spans)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
    said = "".join(text[begin:end] for begin, end in spans)
    assert "".join(said.split()) == "".join(text.split())
