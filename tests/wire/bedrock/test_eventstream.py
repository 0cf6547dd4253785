"""The binary stream is read as Amazon's own reader reads it, and nothing wrong in it passes."""

import struct
import zlib
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tramontane.wire.bedrock.eventstream import Corrupt, EventMessage, MessageSplitter

# Each kind of header, as the format has them: true, false, byte, short, int, long, bytes, text,
# time, UUID.
HEADERS = (
    b"\x01t\x00\x01f\x01\x01b\x02\x7f\x01s\x03\x00\x01\x01i\x04\x00\x00\x00\x01"
    b"\x01l\x05" + bytes(8) + b"\x01y\x06\x00\x02ab\x01x\x07\x00\x04\xc3\xa9tt"
    b"\x01m\x08" + bytes(8) + b"\x01u\x09" + bytes(16)
)


def message(payload: bytes, headers: bytes = b"\x01x\x07\x00\x01v") -> bytes:
    """One message, as it stands on the wire."""
    prelude = struct.pack(">II", len(headers) + len(payload) + 16, len(headers))
    begun = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return begun + struct.pack(">I", zlib.crc32(begun))


STREAM = message(b'{"a":1}') + message(b"", HEADERS) + message(b"x" * 300)


def split(*reads: bytes) -> list[EventMessage]:
    splitter = MessageSplitter()
    messages: list[EventMessage] = []
    for data in reads:
        splitter.feed(data, messages)
    assert not splitter.is_inside
    return messages


def test_messages_and_their_headers() -> None:
    first, second, third = split(STREAM)
    assert first == EventMessage({"x": "v"}, b'{"a":1}')
    assert second == EventMessage({"x": "étt"}, b"")  # those that are texts
    assert third.payload == b"x" * 300


def test_botocore_reads_the_same() -> None:
    from botocore.eventstream import EventStreamBuffer

    buffer = EventStreamBuffer()
    buffer.add_data(STREAM)
    theirs = [
        EventMessage({k: v for k, v in one.headers.items() if isinstance(v, str)}, one.payload)
        for one in buffer
    ]
    assert split(STREAM) == theirs


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_any_cut_gives_the_same_messages(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    reads = [STREAM[a:b] for a, b in pairwise(places)]
    assert split(*reads) == split(STREAM)


def test_byte_by_byte() -> None:
    assert split(*(STREAM[i : i + 1] for i in range(len(STREAM)))) == split(STREAM)


@pytest.mark.parametrize("place", range(len(message(b'{"a":1}'))))
def test_every_byte_is_under_a_checksum(place: int) -> None:
    good = message(b'{"a":1}')
    bad = good[:place] + bytes((good[place] ^ 0x20,)) + good[place + 1 :]
    splitter = MessageSplitter()
    messages: list[EventMessage] = []
    with pytest.raises(Corrupt):
        splitter.feed(good + bad + good, messages)
    assert len(messages) == 1  # what was whole before


def prelude(total: int, headers: int) -> bytes:
    lengths = struct.pack(">II", total, headers)
    return lengths + struct.pack(">I", zlib.crc32(lengths))


@pytest.mark.parametrize("lengths", [(0, 0), (15, 0), (20, 5), (2**32 - 1, 0), (100, 2**31)])
def test_lengths_that_make_no_sense(lengths: tuple[int, int]) -> None:
    with pytest.raises(Corrupt):
        MessageSplitter().feed(prelude(*lengths) + bytes(200), [])


@pytest.mark.parametrize(
    "headers",
    [
        b"\x05ab",
        b"\x01a",
        b"\x01a\x0a",
        b"\x01a\x07\x00\x09x",
        b"\x01a\x07\x00\x01\xff",
        b"\x01\xff\x00",
    ],
)
def test_headers_that_make_no_sense(headers: bytes) -> None:
    with pytest.raises(Corrupt):
        split(message(b"{}", headers))


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=100))
def test_no_bytes_do_worse_than_fail(data: bytes) -> None:
    try:
        MessageSplitter().feed(data, [])
    except Corrupt:
        return
