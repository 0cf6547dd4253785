"""Texts of forty years: each is read as what it was written in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tramontane.text.encodings import decode, encoding_of

TEXT = "Grüße aus München: «déjà vu» à l’été, ¿cuándo? Così è, 12 € pro Maß.\n"
OLDER = TEXT.replace("€", "Euro").replace("’", "'")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be",
                                      "utf-32", "cp1252"])  # fmt: skip
def test_each_encoding_is_found(encoding: str) -> None:
    assert decode(TEXT.encode(encoding)).text == TEXT


@pytest.mark.parametrize("encoding", ["iso8859-1", "cp850", "mac-roman"])
def test_older_ones_too(encoding: str) -> None:
    assert decode((OLDER * 3).encode(encoding)).text == OLDER * 3


def test_lines_may_differ() -> None:
    found = decode("naïve café\n".encode() + "Straße nach Süden\n".encode("cp1252"))
    assert found.text == "naïve café\nStraße nach Süden\n"
    assert found.is_mixed and found.encoding == "cp1252"


def test_a_character_cut_at_the_end_of_what_is_looked_at_is_still_utf8() -> None:
    assert encoding_of("aé".encode()[:2]) == "utf-8"


@given(st.binary(max_size=400))
def test_any_bytes_become_some_text(data: bytes) -> None:
    assert isinstance(decode(data).text, str)


@given(st.text(max_size=200))
def test_utf8_comes_back_whole(text: str) -> None:
    data = (
        text.encode("utf-8", "surrogatepass") if "\ud800" > text else text.encode(errors="ignore")
    )
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    if "\x00" not in text and not text.startswith("\ufeff"):
        assert decode(data).text == text
