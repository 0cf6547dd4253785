"""Which encoding a text's bytes are in, told from the bytes: UTF-8 and -16, and what Western
European programs of the last forty years have written. One file may mix them, line by line.

It does not know files.
"""

import codecs

import msgspec

LOOKED_AT = 1_000_000
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LEGACY = ("cp1252", "iso8859-15", "mac-roman", "cp850")
_USUAL = frozenset("äöüÄÖÜßéèêëàâçîïôùûœæñáíóúìòÉÈÀÇÑÁÍÓÚ„“”‘’«»–—…€°§£·¿¡ºª²³½\u00a0")


class Decoded(msgspec.Struct, frozen=True):
    """`is_mixed`: some lines were UTF-8 and others in `encoding`."""

    text: str
    encoding: str
    is_mixed: bool = False


def encoding_of(data: bytes) -> str:
    """Return the name of the encoding that `data`, or its beginning, is in."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            return name
    head = data[:LOOKED_AT]
    if wide := _wide(head):
        return wide
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # its end may be half a character
        return "utf-8"
    except UnicodeDecodeError:
        return legacy_of(head)


def decode(data: bytes) -> Decoded:
    """Return `data` as text; never fails: what no encoding has becomes U+FFFD."""
    encoding = encoding_of(data)
    if encoding.startswith("utf-") and encoding != "utf-8":
        return Decoded(data.decode(encoding, "replace"), encoding)
    try:
        return Decoded(data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError:
        return by_line(data, legacy_of(data[:LOOKED_AT]) if encoding == "utf-8" else encoding)


def by_line(data: bytes, legacy: str) -> Decoded:
    """Return `data` with each line read as UTF-8 where it is valid, else in `legacy`."""
    lines = []
    has_utf8 = has_legacy = False
    for line in data.splitlines(keepends=True):
        try:
            text = line.decode("utf-8")
            has_utf8 = has_utf8 or not line.isascii()
        except UnicodeDecodeError:
            text = line.decode(legacy, "replace")
            has_legacy = True
        lines.append(text)
    return Decoded("".join(lines), legacy if has_legacy else "utf-8", has_utf8 and has_legacy)


def _wide(head: bytes) -> str | None:
    """Return UTF-16 without a mark: every other byte of Western text is zero."""
    pairs = len(head) // 2
    if pairs < 2:
        return None
    if head[1::2].count(0) > 0.4 * pairs and head[::2].count(0) < 0.05 * pairs:
        return "utf-16-le"
    if head[::2].count(0) > 0.4 * pairs and head[1::2].count(0) < 0.05 * pairs:
        return "utf-16-be"
    return None


def legacy_of(head: bytes) -> str:
    """Return the encoding in which most high bytes are letters and signs that people write."""
    lines = [line for line in head.splitlines() if not line.isascii() and not _is_utf8(line)]
    counts = [0] * 256
    for byte in b"".join(lines):
        if byte >= 0x80:
            counts[byte] += 1
    best, most = _LEGACY[0], float("-inf")
    for name in _LEGACY:
        score = 0.0
        for byte in range(0x80, 0x100):
            if counts[byte]:
                character = bytes([byte]).decode(name, "replace")
                usual = 1.0 if character in _USUAL else 0.2 if character.isalpha() else -0.5
                score += usual * counts[byte]
        if score > most:
            best, most = name, score
    return best


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
