"""The stand-in's own count."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tramontane.providers.standin import tokens


@settings(deadline=None)
@given(st.text(), st.integers(1, 9))
def test_groups_join_to_the_text_and_add_up(text: str, size: int) -> None:
    pieces = tokens.groups(text, size)
    assert "".join(pieces) == text
    assert sum(tokens.count(piece) for piece in pieces) == tokens.count(text)


@settings(deadline=None)
@given(st.integers(0, 5_000))
def test_filler_is_exact(wanted: int) -> None:
    assert tokens.count(tokens.filler(wanted)) == wanted


@settings(deadline=None)
@given(st.text(), st.integers(0, 50))
def test_first_cuts_to_the_count(text: str, wanted: int) -> None:
    assert tokens.count(tokens.first(text, wanted)) == min(wanted, tokens.count(text))
