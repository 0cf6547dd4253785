"""The file of a form, whatever the pieces in which it comes."""

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tramontane.errors import InvalidRequest
from tramontane.wire.multipart import HEAD_BYTES_MAX, FileReader

FORM = "multipart/form-data; boundary=xYz"


def form(content: bytes, name: str = "a.pdf") -> bytes:
    """Return a form with another field on either side of the file."""
    return (
        b'preamble\r\n--xYz\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nocr\r\n'
        b'--xYz\r\ncontent-disposition: form-data; name="file"; filename="'
        + name.encode()
        + b'"\r\nContent-Type: application/pdf\r\n\r\n'
        + content
        + b'\r\n--xYz\r\nContent-Disposition: form-data; name="last"\r\n\r\n\r\n--xYz--\r\n'
    )


def read(pieces: list[bytes], content_type: str = FORM) -> tuple[str | None, bytes]:
    """Return the name and the bytes of the file in a form that comes in pieces."""
    reader = FileReader(content_type)
    found = b"".join(reader.feed(piece) for piece in pieces)
    reader.end()
    return reader.name, found


near = st.lists(st.sampled_from([b"\r\n", b"--", b"xYz", b"\r\n--xY", b"-", b"\r", b"a", b"\0"]))


@settings(max_examples=300, deadline=None)
@given(near.map(b"".join), st.lists(st.integers(0, 400), max_size=8))
def test_any_split_gives_the_same_file(content: bytes, cuts: list[int]) -> None:
    while b"\r\n--xYz" in content:  # taking one out can make another
        content = content.replace(b"\r\n--xYz", b"")
    whole = form(content)
    ends = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    pieces = [whole[a:b] for a, b in itertools.pairwise(ends)]
    assert read(pieces) == ("a.pdf", content)
    assert read([bytes([byte]) for byte in whole]) == ("a.pdf", content)


def test_names_and_boundaries_as_clients_write_them() -> None:
    quoted = form(b"x", 'Bericht "2026" übrig.pdf'.replace('"', '\\"'))
    assert read([quoted], 'multipart/form-data; charset=utf-8; boundary="xYz"') == (
        'Bericht "2026" übrig.pdf',
        b"x",
    )
    with pytest.raises(InvalidRequest, match="multipart"):
        FileReader("application/json")


def test_what_is_no_whole_form_is_refused() -> None:
    whole = form(b"content")
    for cut in (0, 40, whole.index(b"content") + 3):
        with pytest.raises(InvalidRequest, match="cut off"):
            read([whole[:cut]])
    with pytest.raises(InvalidRequest, match="cut off"):
        read([re.sub(b'"file"', b'"fiel"', whole)])
    with pytest.raises(InvalidRequest, match="too long"):
        read([b"--xYz\r\n" + b"x" * (HEAD_BYTES_MAX + 99)])
    with pytest.raises(InvalidRequest, match="set apart"):
        read([whole.replace(b"--xYz\r\n", b"--xYz??", 1)])
