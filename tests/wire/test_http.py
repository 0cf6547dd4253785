"""Framing of hostile upstreams: heads and chunks against a slow obvious reader (RE8, edge).

What follows an answer on a kept connection belongs to somebody else, so every doubt about where
an answer ends must be a FramingError, and no split of the bytes may change what is understood.
"""

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tramontane.wire.http import (
    CHUNK_LINE_BYTES_MAX,
    HEAD_BYTES_MAX,
    LAST_CHUNK,
    TRAILER_BYTES_MAX,
    ChunkDecoder,
    FramingError,
    ResponseHead,
    chunk,
    header_fields,
    parse_response_head,
)

TOKEN = set(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
HEX = set(b"0123456789abcdefABCDEF")


# -- the slow obvious readers ---------------------------------------------------------------------


def is_value(text: bytes) -> bool:
    return all(c == 9 or (c >= 32 and c != 127) for c in text)


def is_field(line: bytes) -> bool:
    name, colon, value = line.partition(b":")
    return bool(name) and set(name) <= TOKEN and colon == b":" and is_value(value)


def read_chunks(data: bytes) -> tuple[bytes, bool, bytes]:
    """Return (payload, whether it ended, what follows); FramingError where the coding is broken."""
    payload, trailer_bytes, in_trailer = b"", 0, False
    while True:
        line, border, after = data.partition(b"\r\n")
        if len(line) - (not border) > CHUNK_LINE_BYTES_MAX:
            raise FramingError
        if not border:
            return payload, False, b""
        data = after
        if in_trailer:
            trailer_bytes += len(line) + 2
            if not line:
                return payload, True, data
            if not is_field(line) or trailer_bytes > TRAILER_BYTES_MAX:
                raise FramingError
            continue
        size_text, semicolon, extension = line.partition(b";")
        if semicolon:
            size_text = size_text.rstrip(b" \t")
        if not (1 <= len(size_text) <= 8 and set(size_text) <= HEX and is_value(extension)):
            raise FramingError
        size = int(size_text, 16)
        if size == 0:
            in_trailer = True
            continue
        payload += data[:size]
        end = data[size : size + 2]
        if not b"\r\n".startswith(end):
            raise FramingError
        if len(end) < 2:
            return payload, False, b""
        data = data[size + 2 :]


def decode(pieces: list[bytes]) -> tuple[bytes, bool, bytes]:
    decoder = ChunkDecoder()
    payload, rest = b"", b""
    for piece in pieces:
        if decoder.done:
            rest += piece
        else:
            payload += decoder.feed(piece)
    return payload, decoder.done, decoder.rest + rest


def outcome(read: object, *arguments: object) -> object:
    try:
        return read(*arguments)  # type: ignore[operator]
    except FramingError:
        return "refused"


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(c % (len(data) + 1) for c in cuts)})
    return [data[a:b] for a, b in pairwise(places)] or [data]


# -- what is thrown at them -----------------------------------------------------------------------

cuts = st.lists(st.integers(0, 10_000), max_size=12)
payloads = st.binary(max_size=40)
# One chunk, its size and payload to be put in; ~ stands for CR LF.
flaws = st.sampled_from([
    "%x~%s", "%x~%s~~", "%x~%s\r", "%x~%s\n", "%x~%sxx", "%x~%sx~", "0%x~%s~", "%x\n%s~", "%x\r%s~",
    "%x%s~", "0x%x~%s~", "+%x~%s~", "-%x~%s~", "%x;a=b~%s~", "%x;\0~%s~", "%x;a\n~%s~", "%x;\t~%s~",
    "%x\t;a~%s~", " %x~%s~", "%x ~%s~", "%09x~%s~", "~%x~%s~", "f%x~%s~",
])  # fmt: skip
trailers = st.sampled_from(
    [b"", b"a: b\r\n", b"a:\r\n", b"a b: c\r\n", b" a: b\r\n", b"a\r\n", b"a: \0\r\n", b"a: b\n"]
)


def flawed(flaw: str, payload: bytes) -> bytes:
    text = flaw.replace("~", "\r\n") % (len(payload), payload.decode("latin-1"))
    return text.encode("latin-1")


@st.composite
def chunked(draw: st.DrawFn) -> bytes:
    """A chunked body: right, or with one chunk that is wrong in one of the ways that matter."""
    whole = [chunk(payload) for payload in draw(st.lists(payloads.filter(bool), max_size=5))]
    if draw(st.booleans()):
        payload = draw(payloads)
        whole.insert(draw(st.integers(0, len(whole))), flawed(draw(flaws), payload))
    data = b"".join(whole)
    return data + b"0\r\n" + draw(trailers) + b"\r\n" + draw(st.sampled_from([b"", b"HTTP/1.1"]))


@given(chunked(), cuts)
@settings(max_examples=150, deadline=None)
def test_any_split_of_a_chunked_body_is_understood_as_the_slow_reader_does(
    data: bytes, cuts: list[int]
) -> None:
    assert outcome(decode, split(data, cuts)) == outcome(read_chunks, data)


@given(st.binary(max_size=60), cuts)
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_understood_as_the_slow_reader_does(data: bytes, cuts: list[int]) -> None:
    assert outcome(decode, split(data, cuts)) == outcome(read_chunks, data)


@given(st.lists(payloads.filter(bool), max_size=8), cuts)
@settings(deadline=None)
def test_what_was_chunked_comes_back_whatever_the_reads(
    payloads: list[bytes], cuts: list[int]
) -> None:
    data = b"".join(map(chunk, payloads)) + LAST_CHUNK
    assert decode(split(data, cuts)) == (b"".join(payloads), True, b"")
    assert decode([data[i : i + 1] for i in range(len(data))]) == (b"".join(payloads), True, b"")


@given(chunked())
@settings(deadline=None)
def test_a_read_of_nothing_but_whole_chunks_is_told_apart(data: bytes) -> None:
    payload = ChunkDecoder().whole_chunks(data)
    if payload is not None:
        assert payload
        assert read_chunks(data) == (payload, False, b"")


@given(st.lists(st.binary(min_size=1), min_size=1, max_size=5))
@settings(deadline=None)
def test_several_whole_chunks_are_recognised(parts: list[bytes]) -> None:
    data = b"".join(map(chunk, parts))
    assert ChunkDecoder().whole_chunks(data) == b"".join(parts)
    assert ChunkDecoder().whole_chunks(data + LAST_CHUNK) is None
    assert ChunkDecoder().whole_chunks(data[:-1]) is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"5\r\nhello!\r\n0\r\n\r\n", id="longer than it says"),
        pytest.param(b"5\r\nhell\r\n0\r\n\r\n", id="shorter than it says"),
        pytest.param(b"5\r\nhello0\r\n\r\n", id="no line end after the payload"),
        pytest.param(b"5\r\nhello\n0\r\n\r\n", id="a bare line feed after the payload"),
        pytest.param(b"5\nhello\r\n0\r\n\r\n", id="a bare line feed after the size"),
        pytest.param(b"0x5\r\nhello\r\n", id="a size with a prefix"),
        pytest.param(b"+5\r\nhello\r\n", id="a signed size"),
        pytest.param(b"5 \r\nhello\r\n", id="a space after the size"),
        pytest.param(b"\r\n5\r\nhello\r\n", id="no size"),
        pytest.param(b"zz\r\nhello\r\n", id="a size that is no number"),
        pytest.param(b"5;a\nb\r\nhello\r\n", id="a line feed in an extension"),
        pytest.param(b"0\r\na b: c\r\n\r\n", id="a trailer with a space in its name"),
        pytest.param(b"0\r\n a: b\r\n\r\n", id="a folded trailer"),
        pytest.param(b"0\r\na\r\n\r\n", id="a trailer without a colon"),
    ],
)
def test_a_broken_chunk_is_refused(data: bytes) -> None:
    for pieces in ([data], [data[i : i + 1] for i in range(len(data))]):
        with pytest.raises(FramingError):
            decode(pieces)


def test_a_chunk_with_an_extension_is_never_passed_on_as_it_is() -> None:
    assert ChunkDecoder().whole_chunks(b"5;x=y\r\nhello\r\n") is None
    assert ChunkDecoder().whole_chunks(b"5\r\nhello\r\n") == b"hello"


def test_inside_a_chunk_nothing_is_taken_for_a_whole_one() -> None:
    decoder = ChunkDecoder()
    assert decoder.feed(b"10\r\nfirst ") == b"first "
    assert decoder.whole_chunks(b"5\r\nhello\r\n") is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"5;" + b"a" * CHUNK_LINE_BYTES_MAX, id="an extension without end"),
        pytest.param(b"0" * (CHUNK_LINE_BYTES_MAX + 2), id="a size without end"),
        pytest.param(b"0\r\n" + b"a: b\r\n" * 4_000, id="a trailer without end"),
        pytest.param(b"0\r\na: " + b"b" * CHUNK_LINE_BYTES_MAX, id="a trailer line without end"),
        pytest.param(b"123456789\r\n", id="a size that no memory holds"),
    ],
)
def test_nothing_of_a_chunk_but_its_payload_grows_without_bound(data: bytes) -> None:
    with pytest.raises(FramingError):
        decode([data])
    with pytest.raises(FramingError):
        decode([data[i : i + 7] for i in range(0, len(data), 7)])


# -- heads ----------------------------------------------------------------------------------------


def read_head(data: bytes) -> object:
    """Return what the slow reader makes of a head: None, or (status, length, chunked, alive)."""
    head, border, _ = data.partition(b"\r\n\r\n")
    if len(head) - (0 if border else 3) > HEAD_BYTES_MAX:
        raise FramingError
    if not border:
        return None
    first, *lines = head.split(b"\r\n")
    version, _, rest = first.partition(b" ")
    status_text, space, reason = rest.partition(b" ")
    if version not in (b"HTTP/1.0", b"HTTP/1.1") or not is_value(reason):
        raise FramingError
    if len(status_text) != 3 or not status_text.isdigit() or status_text[:1] not in b"12345":
        raise FramingError
    if not space and rest != status_text:
        raise FramingError
    fields: dict[bytes, list[bytes]] = {}
    for line in lines:
        if not is_field(line):
            raise FramingError
        name, _, value = line.partition(b":")
        fields.setdefault(name.lower(), []).append(value.strip(b" \t").lower())
    return framing_of(int(status_text), version == b"HTTP/1.0", fields)


def framing_of(status: int, is_old: bool, fields: dict[bytes, list[bytes]]) -> object:
    lengths, codings = fields.get(b"content-length", []), fields.get(b"transfer-encoding", [])
    if codings and (lengths or is_old or codings != [b"chunked"]):
        raise FramingError
    if lengths and (len(lengths) > 1 or not lengths[0].isdigit() or len(lengths[0]) > 15):
        raise FramingError
    length = int(lengths[0]) if lengths else None
    is_chunked = bool(codings)
    if status in (204, 304) or status < 200:
        length, is_chunked = 0, False
    said = b", ".join(fields.get(b"connection", []))
    alive = b"keep-alive" in said if is_old else b"close" not in said
    return status, length, is_chunked, alive and (length is not None or is_chunked)


def seen(data: bytes) -> object:
    head = parse_response_head(data)
    if head is None:
        return None
    return head.status, head.length, head.chunked, head.keep_alive


status_lines = st.sampled_from(
    [b"HTTP/1.1 200 OK"] * 10
    + b"HTTP/1.1 200|HTTP/1.0 200 OK|HTTP/1.1 204 No|HTTP/1.1 304 N|HTTP/1.1 100 C".split(b"|")
    + b"HTTP/2 200 OK|HTTP/1.1  200 OK|HTTP/1.1 99 x|HTTP/1.1 600 x|http/1.1 200 x".split(b"|")
    + b"HTTP/1.1 200 a\0b|HTTP/1.1 200 a\rb|HTTP/1.1 2000 x| HTTP/1.1 200 OK|".split(b"|")
)
names = st.sampled_from(
    b"content-length|Content-Length|Transfer-Encoding|connection|content-type|X-Other"
    b"|content-length | content-length|content\0length|content length|".split(b"|")
)
values = st.sampled_from(
    b"5|5|0|005|5, 5|+5|-1|5 5|0x5|9999999999999999|\xb2|chunked|chunked|Chunked|gzip, chunked"
    b"|chunked, chunked|identity|close|keep-alive|text/event-stream|a\0b|a\rb|a\nb|a\r\n b|\x7f"
    b"|".split(b"|")
)
joins = st.sampled_from([b": ", b": ", b":", b":\t", b" : ", b" "])
ends = st.sampled_from([b"\r\n"] * 12 + [b"\n", b"\r", b"\r\n ", b"\r\n\t", b"\r\r\n", b""])


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    """A response head, right or wrong."""
    data = draw(status_lines) + draw(ends)
    for _ in range(draw(st.integers(0, 4))):
        data += draw(names) + draw(joins) + draw(values) + draw(ends)
    return data + draw(st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\n", b"", b"\r\nbody"]))


@given(heads())
@example(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\n")
@example(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n")
@settings(max_examples=200, deadline=None)
def test_a_head_is_understood_as_the_slow_reader_does(data: bytes) -> None:
    assert outcome(seen, data) == outcome(read_head, data)


@given(heads(), st.integers(0, 200))
@settings(max_examples=100, deadline=None)
def test_a_head_that_is_cut_off_is_waited_for_or_refused(data: bytes, place: int) -> None:
    whole = outcome(seen, data)
    if isinstance(whole, tuple):
        end = data.index(b"\r\n\r\n") + 4
        assert outcome(seen, data[: min(place, end - 1)]) is None


HOSTILE = {
    "two lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n",
    "the same length twice": b"Content-Length: 5\r\nContent-Length: 5\r\n",
    "a list of lengths": b"Content-Length: 5, 5\r\n",
    "length and chunks": b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
    "chunks and length": b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    "chunked twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "another coding": b"Transfer-Encoding: gzip, chunked\r\n",
    "an unknown coding": b"Transfer-Encoding: xchunked\r\n",
    "no coding": b"Transfer-Encoding:\r\n",
    "a signed length": b"Content-Length: +5\r\n",
    "a negative length": b"Content-Length: -5\r\n",
    "a hexadecimal length": b"Content-Length: 0x5\r\n",
    "an empty length": b"Content-Length: \r\n",
    "a length beyond measure": b"Content-Length: 9999999999999999\r\n",
    "space before the colon": b"Content-Length : 5\r\n",
    "a folded line": b"X: a\r\n b\r\n",
    "a folded length": b"Content-Length:\r\n 5\r\n",
    "a bare line feed": b"X: a\nContent-Length: 5\r\n",
    "a bare carriage return": b"X: a\rContent-Length: 5\r\n",
    "a NUL": b"X: a\0b\r\n",
    "a NUL in a name": b"X\0: a\r\n",
    "a control character": b"X: a\x0bb\r\n",
    "a line without a colon": b"X\r\n",
    "a line without a name": b": a\r\n",
    "a name with a space": b"X Y: a\r\n",
}


@pytest.mark.parametrize("fields", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_head_that_two_readers_could_read_differently_is_refused(fields: bytes) -> None:
    with pytest.raises(FramingError):
        parse_response_head(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n")


def test_chunks_in_an_answer_of_http_1_0_are_refused() -> None:
    with pytest.raises(FramingError):
        parse_response_head(b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")


def test_a_head_is_bounded_however_it_comes() -> None:
    line = b"X: " + b"a" * 1_000 + b"\r\n"
    data = b"HTTP/1.1 200 OK\r\n" + line * 70
    for head in (data, data + b"\r\n"):
        with pytest.raises(FramingError):
            parse_response_head(head)


def test_a_field_that_stands_thousands_of_times_is_read_once_through() -> None:
    data = b"HTTP/1.1 200 OK\r\n" + b"connection: x\r\n" * 4_000 + b"connection: close\r\n\r\n"
    head = parse_response_head(data)
    assert head is not None
    assert not head.keep_alive


def test_fields_come_apart_as_they_stand() -> None:
    head = parse_response_head(b"HTTP/1.1 200 OK\r\nRetry-After: 7\r\nX-A:  b:c \r\n\r\nbody")
    assert isinstance(head, ResponseHead)
    assert header_fields(head.raw) == [(b"retry-after", b"7"), (b"x-a", b"b:c")]
    assert head.retry_after == b"7"
    assert head.size == len(b"HTTP/1.1 200 OK\r\nRetry-After: 7\r\nX-A:  b:c \r\n\r\n")
