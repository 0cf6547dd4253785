"""Whether words stand in a text, whatever way both were set: the ground on which a quote is proven.

Line breaks, hyphens at their ends, ligatures, quotation marks, dashes, spaces of every width, marks
of Markdown and cells of a table make no difference; any other letter, digit or sign does. Each
character that is compared knows where it stands in the text. Pure.
"""

import re
import unicodedata

import msgspec

GAP_CHARACTERS_MAX = 1_500  # between two pieces that an ellipsis joins

_DASHES = frozenset("-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d")
_APOSTROPHES = frozenset("'\u2018\u2019\u201a\u201b\u2032\u02bc\u2039\u203a\uff07`\u00b4")
_QUOTES = frozenset('"\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033\u301d\u301e\uff02')
_INVISIBLE = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufeff\u200e\u200f")
_MARKDOWN = frozenset("*_\\")
_NO_SPACE_BEFORE = frozenset(".,;:!?)]}%")
_NO_SPACE_AFTER = frozenset("([{")
_ELLIPSIS = re.compile(r"\s*(?:[\[(]\s*(?:\.\s?\.\s?\.|…)\s*[\])]|…|\.\s?\.\s?\.)\s*")
_CASE_ALTERED = re.compile(r"\[(\w)\](?=\w)")
_SIC = re.compile(r"\s*[\[(]sic!?[\])]", re.IGNORECASE)
_EDGE = " .,;:…"


class Likened(msgspec.Struct, frozen=True):
    """A text as it is compared: `low` is `text` in lower case, `places` where each character of
    them stands in what was given.
    """

    text: str
    low: str
    places: tuple[int, ...]


def likened(text: str) -> Likened:
    """Return `text` as it is compared.

    >>> likened("Die Verwal-\\ntung  „zahlt“ – \\n4 €").text
    'Die Verwaltung zahlt - 4 €'
    """
    made: list[str] = []
    places: list[int] = []
    at, length = 0, len(text)
    while at < length:
        mark = text[at]
        if mark in _DASHES:
            after = _joined_at(text, at)
            if after is not None:
                at = after
                continue
            said = "-"
        elif mark in _APOSTROPHES:
            said = "'" if _is_between_letters(text, at) else ""
        elif mark in _QUOTES or mark in _INVISIBLE or mark in _MARKDOWN:
            said = ""
        elif mark.isspace() or mark == "|":
            said = " "
        else:
            said = mark if mark.isascii() else unicodedata.normalize("NFKD", mark)
        for one in said:
            _append(made, places, " " if one.isspace() else one, at)
        at += 1
    while made and made[-1] == " ":
        del made[-1], places[-1]
    whole = "".join(made)
    return Likened(whole, "".join(_low(mark) for mark in whole), tuple(places))


class Sought(msgspec.Struct, frozen=True):
    """Words to be found, as they are compared: as a whole, and in the pieces that an ellipsis joins
    (none where there is no ellipsis); each also without the marks at its ends.
    """

    whole: tuple[str, ...]
    pieces: tuple[tuple[str, ...], ...]


def sought(words: str) -> Sought:
    """Return `words` as `find` takes them."""
    plain = _SIC.sub("", _CASE_ALTERED.sub(r"\1", words))
    pieces = [piece for piece in _ELLIPSIS.split(plain) if piece.strip(_EDGE)]
    if pieces[:1] == [plain]:
        pieces = []
    return Sought(_ways(plain), tuple(_ways(piece) for piece in pieces))


def _ways(words: str) -> tuple[str, ...]:
    text = likened(words).text
    return tuple(way for way in dict.fromkeys((text, text.strip(_EDGE))) if way)


def find(words: str | Sought, within: Likened) -> tuple[int, int] | None:
    """Return where `words` stand in a text, from and to; None where they do not.

    "…" joins pieces that stand there in this order. The first letter of each may be in another
    case, and what is all in capitals in one of them.
    """
    wanted = sought(words) if isinstance(words, str) else words
    span = _span(wanted.whole, within, 0) or _joined(wanted.pieces, within)
    return None if span is None else (within.places[span[0]], within.places[span[1] - 1] + 1)


def _joined(pieces: tuple[tuple[str, ...], ...], within: Likened) -> tuple[int, int] | None:
    """Return the span of `pieces` in their order; the first of them is tried at every place."""
    if not pieces:
        return None
    start = -1
    while True:
        first = _span(pieces[0], within, start + 1)
        if first is None:
            return None
        start, end = first
        for piece in pieces[1:]:
            following = _span(piece, within, end)
            if following is None or following[0] - end > GAP_CHARACTERS_MAX:
                break
            end = following[1]
        else:
            return start, end


def _span(ways: tuple[str, ...], within: Likened, begin: int) -> tuple[int, int] | None:
    """Return where words stand from `begin` on, as places in `within.text`."""
    for text in ways:
        found = _exact_span(text, "".join(map(_low, text)), within, begin)
        if found is not None:
            return found
    return None


def _exact_span(text: str, low: str, within: Likened, begin: int) -> tuple[int, int] | None:
    at = within.low.find(low, begin)
    while at >= 0:
        end = at + len(low)
        if _is_whole(within.text, at, end) and _is_same_case(text, within.text[at:end]):
            return at, end
        at = within.low.find(low, at + 1)
    return None


def _is_whole(text: str, start: int, end: int) -> bool:
    """Whether no word and no number is cut at either end."""
    before, first = text[max(0, start - 6) : start], text[start]
    last, after = text[end - 1], text[end : end + 5]
    if first.isalnum() and before and (before[-1].isalnum() or unicodedata.combining(before[-1])):
        return False
    if last.isalnum() and after and (after[0].isalnum() or unicodedata.combining(after[0])):
        return False
    if first.isdigit():
        if re.search(r"\d[.,']$|(?:^|[^\w])-$", before):
            return False
        is_group = re.match(r"\d{3}(?!\d)", text[start : start + 4])
        if is_group and re.search(r"(?<![\d.,])[1-9]\d{0,2} $", before):
            return False
    return not (last.isdigit() and re.match(r"[.,']\d| \d{3}(?!\d)", after))


def _is_same_case(said: str, there: str) -> bool:
    if said == there:
        return True
    if said[1:] == there[1:]:
        return True
    one, two = said.split(), there.split()
    return len(one) == len(two) and all(
        a == b or a.isupper() or b.isupper() or (at == 0 and a[1:] == b[1:])
        for at, (a, b) in enumerate(zip(one, two, strict=True))
    )


def _append(made: list[str], places: list[int], mark: str, at: int) -> None:
    if mark == " " and (not made or made[-1] == " " or made[-1] in _NO_SPACE_AFTER):
        return
    if mark in _NO_SPACE_BEFORE and made and made[-1] == " ":
        del made[-1], places[-1]
    made.append(mark)
    places.append(at)


def _joined_at(text: str, at: int) -> int | None:
    """Return where a word goes on that a hyphen at `at` parts; None where it parts two things.

    Hyphens within words are left out too: at the end of a line nobody can tell them apart.
    """
    if at == 0 or not text[at - 1].isalpha():
        return None
    after = at + 1
    if after < len(text) and text[after].isspace():
        while after < len(text) and text[after].isspace():
            after += 1
        if "\n" not in text[at:after]:
            return None
    return after if after < len(text) and text[after].isalpha() else None


def _is_between_letters(text: str, at: int) -> bool:
    return 0 < at < len(text) - 1 and text[at - 1].isalnum() and text[at + 1].isalnum()


def _low(mark: str) -> str:
    low = mark.lower()
    return low if len(low) == 1 else mark
