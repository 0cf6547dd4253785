"""Word boxes: packed, unpacked, and asked where a span stands on the page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tramontane.documents.passage import WHOLE, pack, rectangles, unpack

NUMBER = st.integers(0, WHOLE)


@given(st.lists(st.tuples(NUMBER, NUMBER, NUMBER, NUMBER, NUMBER)))
def test_what_is_packed_comes_back(boxes: list[tuple[int, int, int, int, int]]) -> None:
    assert unpack(pack(boxes)) == boxes


def test_numbers_are_kept_in_range() -> None:
    assert unpack(pack([(0, -5, 70_000, 3, 4)])) == [(0, 0, WHOLE, 3, 4)]


def test_other_bytes_are_refused() -> None:
    with pytest.raises(ValueError, match="boxes"):
        unpack(b"123")


# "two words here": the last stands on a second line
BOXES = pack(
    [(0, 100, 100, 200, 150), (4, 220, 102, 300, 152), (10, 100, 200, 180, 250)],
)


def test_a_span_has_one_rectangle_for_each_line() -> None:
    whole = rectangles(BOXES, 14)
    assert [tuple(round(n * WHOLE) for n in each) for each in whole] == [
        (100, 100, 300, 152),
        (100, 200, 180, 250),
    ]
    assert rectangles(BOXES, 14, 4, 9) == [(220 / WHOLE, 102 / WHOLE, 300 / WHOLE, 152 / WHOLE)]
    assert len(rectangles(BOXES, 14, 4, 11)) == 2


def test_no_rectangles_where_there_are_none() -> None:
    assert rectangles(b"", 14) == []
    assert rectangles(BOXES, 14, 5, 5) == []


@given(st.integers(0, 14), st.integers(0, 14))
def test_a_smaller_span_never_covers_more(start: int, end: int) -> None:
    some = rectangles(BOXES, 14, min(start, end), max(start, end))
    whole = rectangles(BOXES, 14)
    for left, top, right, bottom in some:
        assert any(a <= left and b <= top and c >= right and d >= bottom for a, b, c, d in whole)
