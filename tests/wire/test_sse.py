"""RE8: events are the same however the bytes are cut; the splitter beside a reader byte by byte."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.streams import cut, split
from tramontane.wire.sse import EVENT_BYTES_MAX, EventSplitter, EventTooLarge, data_of, is_silent

PIECES = st.sampled_from((
    b"data: ", b"data:", b"data", b": ", b":", b"event: x", b"id", b"x", b" ", b"{}",
    b"\xc3", b"\xa9",
))  # fmt: skip


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """Draw lines that all end the same way."""
    end = draw(st.sampled_from((b"\n", b"\r\n", b"\r")))
    return b"".join(draw(st.lists(st.one_of(PIECES, st.just(end)), max_size=40)))


def splits(body: bytes, pieces: list[bytes]) -> list[bytes]:
    splitter = EventSplitter()
    events = [event for piece in pieces for event in splitter.feed(piece)]
    assert b"".join(events) + splitter.pending == body, "every byte belongs somewhere"
    return events


@settings(max_examples=60, deadline=None)
@given(st.data(), st.lists(st.sampled_from((b"\r", b"\n", b"a", b"data: x")), max_size=24))
def test_any_cut_gives_the_same_events_whatever_the_bytes(
    data: st.DataObject, parts: list[bytes]
) -> None:
    body = b"".join(parts)
    assert splits(body, data.draw(st.composite(cut)(body))) == splits(body, [body])


@settings(max_examples=60, deadline=None)
@given(st.data(), bodies())
def test_events_and_data_are_those_of_the_standard(data: st.DataObject, body: bytes) -> None:
    pieces = data.draw(st.composite(cut)(body))
    expected = [said.strip() for _, said in split(body, errors="surrogateescape") if said]
    found = [data_of(event) for event in splits(body, pieces)]
    decoded = [said.decode(errors="surrogateescape") for said in found if said is not None]
    assert [said for said in decoded if said] == [said for said in expected if said]


@pytest.mark.parametrize(
    ("event", "data"),
    [
        (b"data: x\n\n", b"x"),
        (b"data:x\r\n\r\n", b"x"),
        (b"data: a\ndata: b\n\n", b"a\nb"),
        (b": comment\n\n", None),
        (b"event: done\nid: 4\n\n", None),
        (b"data\n\n", b""),
        (b"data: [DONE] \r\n\r\n", b"[DONE]"),
        (b": note\ndata: x\n\n", b"x"),
        (b"event: a\ndata: x\n\n", b"x"),
        (b"event: a\ndata: x\ndata: y\n\n", b"x\ny"),
        (b"event: a\rdata: z\ndata: x\n\n", b"z\nx"),
        (b"event: a\ndata: x\n: note\n\n", b"x"),
        (b"event: a\nid: 1\ndata: x\n\n", b"x"),
        (b"\n\n", None),
    ],
)
def test_the_data_of_an_event(event: bytes, data: bytes | None) -> None:
    assert data_of(event) == data


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (b": ping\n\n", True),
        (b"event: x\r\nid: 1\r\nretry: 5\r\n\r\n", True),
        (b"dat: {}\n\n", False),
        (b"\xef\xbb\xbfdata: {}\n\n", False),
        (b'{"error": "no stream"}\n\n', False),
    ],
)
def test_what_has_no_data_is_known_or_broken(event: bytes, expected: bool) -> None:
    assert is_silent(event) is expected


def test_an_event_may_be_large_but_not_endless() -> None:
    splitter = EventSplitter()
    piece = b"x" * (EVENT_BYTES_MAX // 16)
    for _ in range(16):
        assert splitter.feed(piece) == []
    with pytest.raises(EventTooLarge):
        splitter.feed(b"x")
