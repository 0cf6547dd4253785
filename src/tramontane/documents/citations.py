"""What an answer says that its sources say, compared with them word by word.

Each quote is looked for in the source that the answer names beside it, else in every other; each
mark has to name a source that there is. What is not found is unproven: nothing is guessed, and no
model is asked. Pure. It does not know numbers in prose (`tables.binding` does), nor whether what is
said in the answer's own words is so.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence

import msgspec

from tramontane.documents import likeness, quotations
from tramontane.documents.likeness import Likened
from tramontane.documents.quotations import Mark, Span
from tramontane.store.messages import Check
from tramontane.text.sentences import sentences
from tramontane.text.stems import words

CHECKS_MAX = 1_000
QUOTE_CHARACTERS_MAX = 20_000
BEHIND_CHARACTERS_MAX = 200
NEAR_MAX = 200
CLAIM_CHARACTERS_MAX = 2_000
SHARED_LEAST = 2  # words that a statement and a sentence of its source must have in common
_BETWEEN = re.compile(r"[\s.,;:!?)»”“\"'’*_]*\Z")


class SourceText(msgspec.Struct, frozen=True):
    """A passage that the answer was given as `[number]`. `about` are its document's name and its
    headings: words that may be quoted too, without a place in the text.
    """

    number: int
    text: str
    language: str | None = None
    about: tuple[str, ...] = ()


class _Source(msgspec.Struct, frozen=True):
    of: SourceText
    text: Likened
    about: tuple[Likened, ...]
    sentences: tuple[tuple[tuple[int, int], frozenset[str]], ...]


class _Place(msgspec.Struct, frozen=True):
    number: int | None
    at: tuple[int, int] | None = None


def check(text: str, sources: Sequence[SourceText], question: str = "") -> list[Check]:
    """Return what was found about each quote and each mark in `text`, in order, as of part 0.

    A quote of the `question` that no source has is "asked".
    """
    known = {source.number: _read(source) for source in sources}
    asked = likeness.likened(question)
    plain = quotations.bare(text)
    named = quotations.marks(plain)[:CHECKS_MAX]
    checks: list[Check] = []
    false_marks: set[Mark] = set()
    inside: list[tuple[int, int]] = []
    for quote in quotations.quotes(plain):
        near = _near(plain, quote, named)
        pieces = _pieces(plain, quote, named, known, near)
        for piece in pieces:
            found = _judged(text, piece, known, near, asked, len(checks))
            checks.append(found)
            if found.verdict == "proven":
                inside.append((piece.start, piece.end))
        false_marks |= _wrongly_named(plain, quote, named, checks[-len(pieces) :])
    for mark in named:
        if _is_within(inside, mark):
            continue  # it is the source's own, quoted
        checks.append(_named(text, plain, mark, known, checks, mark in false_marks))
    return sorted(checks, key=lambda one: one.start)[:CHECKS_MAX]


def _is_within(spans: Sequence[tuple[int, int]], mark: Mark) -> bool:
    """Whether `mark` stands in one of `spans`, which are in order and apart."""
    at = bisect_right(spans, mark.start, key=lambda span: span[0]) - 1
    return at >= 0 and mark.end <= spans[at][1]


def _read(source: SourceText) -> _Source:
    about = tuple(likeness.likened(each) for each in source.about if each)
    language = source.language
    parts = tuple(
        ((start, end), _stems(source.text[start:end], language))
        for start, end in sentences(source.text, language)
    )
    return _Source(source, likeness.likened(source.text), about, parts)


def _stems(text: str, language: str | None) -> frozenset[str]:
    return frozenset(word.stem for word in words(text, language))


def _judged(
    text: str,
    piece: Span,
    known: Mapping[int, _Source],
    near: Sequence[int],
    asked: Likened,
    done: int,
) -> Check:
    said = text[piece.start : piece.end]
    place = _find(said, known, near) if done < CHECKS_MAX else None
    verdict = "proven"
    if place is None:
        is_asked = done < CHECKS_MAX and likeness.find(said, asked) is not None
        place, verdict = _Place(None), "asked" if is_asked else "unproven"
    return Check(
        part=0, start=piece.start, text=said, kind="quote", verdict=verdict,
        source=place.number, at=place.at,
    )  # fmt: skip


def _find(said: str, known: Mapping[int, _Source], near: Sequence[int]) -> _Place | None:
    """Return the source that holds these words: one of those named near, else the first."""
    if not said.strip() or len(said) > QUOTE_CHARACTERS_MAX:
        return None
    order = [*(n for n in near if n in known), *(n for n in known if n not in near)]
    wanted = likeness.sought(said)
    for number in order:
        at = likeness.find(wanted, known[number].text)
        if at is not None:
            return _Place(number, at)
    for number in order:
        if any(likeness.find(wanted, about) is not None for about in known[number].about):
            return _Place(number)
    return None


def _pieces(
    plain: str,
    quote: Span,
    named: Sequence[Mark],
    known: Mapping[int, _Source],
    near: Sequence[int],
) -> list[Span]:
    """Return what is to be proven of a quote: of a block its lines, or where one is not proven as
    a whole, its sentences.
    """
    if not quote.is_block:
        return [_without_marks(plain, quote, named)]
    pieces: list[Span] = []
    lines = quotations.lines_of(plain, quote)
    for group in _paragraphs(plain, lines, known, near, named):
        pieces += group
    return [piece for piece in pieces if any(c.isalnum() for c in plain[piece.start : piece.end])]


def _paragraphs(
    plain: str,
    lines: Sequence[Span],
    known: Mapping[int, _Source],
    near: Sequence[int],
    named: Sequence[Mark],
) -> list[list[Span]]:
    """Return each line of a block as one piece where it is proven so, else its sentences."""
    found = []
    for line in lines:
        line = _without_marks(plain, line, named)
        if _find(plain[line.start : line.end], known, near) is not None:
            found.append([line])
            continue
        parts = sentences(plain[line.start : line.end], "")
        found.append(
            [
                _without_marks(plain, Span(line.start + a, line.start + b, is_block=True), named)
                for a, b in parts
            ]
        )
    return found


def _without_marks(plain: str, span: Span, named: Sequence[Mark]) -> Span:
    """Return `span` without the marks that stand at its ends, and without blanks there."""
    start, end = span.start, span.end
    inside = _between(named, start, end)
    while True:
        before = start, end
        while start < end and plain[start].isspace():
            start += 1
        while end > start and plain[end - 1].isspace():
            end -= 1
        for mark in inside:
            if mark.whole[1] == end and mark.whole[0] >= start:
                end = mark.whole[0]
            elif mark.whole[0] == start and mark.whole[1] <= end:
                start = mark.whole[1]
        if (start, end) == before:
            return msgspec.structs.replace(span, start=start, end=end)


def _near(plain: str, quote: Span, named: Sequence[Mark]) -> list[int]:
    """Return the numbers named in the quote's paragraph, those right behind it first."""
    begin = plain.rfind("\n\n", 0, quote.start) + 1
    end = plain.find("\n\n", quote.end)
    end = len(plain) if end < 0 else end
    inside = _between(named, begin, end)
    order = sorted(inside, key=lambda m: (m.end <= quote.start, abs(m.start - quote.end)))
    return list(dict.fromkeys(mark.number for mark in order))


def _between(named: Sequence[Mark], start: int, end: int) -> Sequence[Mark]:
    """Return the marks that begin from `start` on, before `end`."""
    first = bisect_left(named, start, key=lambda mark: mark.start)
    return named[first : bisect_left(named, end, key=lambda mark: mark.start)][:NEAR_MAX]


def _wrongly_named(
    plain: str, quote: Span, named: Sequence[Mark], checks: Sequence[Check]
) -> set[Mark]:
    """Return the marks right behind a proven quote, where none of them names its source."""
    found = {one.source for one in checks if one.verdict == "proven"}
    if not found:
        return set()
    behind: list[Mark] = []
    end = quote.end
    for mark in _between(named, quote.start, quote.end + BEHIND_CHARACTERS_MAX):
        if mark.start < quote.end and quote.is_block:
            behind.append(mark)
        elif mark.start >= end and _BETWEEN.match(plain[end : mark.start]):
            behind.append(mark)
            end = mark.whole[1]
    is_named = any(mark.number in found for mark in behind)
    return set() if is_named else set(behind)


def _named(
    text: str,
    plain: str,
    mark: Mark,
    known: Mapping[int, _Source],
    quotes: Sequence[Check],
    is_false: bool,
) -> Check:
    source = known.get(mark.number)
    said = text[mark.start : mark.end]
    if source is None or is_false:
        number = None if source is None else mark.number
        return Check(
            part=0, start=mark.start, text=said, kind="citation", verdict="unproven", source=number
        )
    return Check(
        part=0, start=mark.start, text=said, kind="citation", verdict="proven",
        source=mark.number, at=_support(plain, mark, source, quotes),
    )  # fmt: skip


def _support(
    plain: str, mark: Mark, source: _Source, quotes: Sequence[Check]
) -> tuple[int, int] | None:
    """Return the sentence of the source that the statement before `mark` has most in common with,
    or what the statement quotes of it; None where there is none.
    """
    begin = max(plain.rfind("\n", 0, mark.start), _sentence_before(plain, mark.start))
    for quote in reversed(quotes):
        is_here = quote.kind == "quote" and begin <= quote.start < mark.start
        if is_here and quote.source == mark.number and quote.at is not None:
            return quote.at
    claim = _stems(plain[max(0, begin) : mark.start], source.of.language)
    best, most = None, SHARED_LEAST - 1
    for span, stems in source.sentences:
        shared = len(claim & stems)
        if shared > most:
            best, most = span, shared
    return best


def _sentence_before(plain: str, end: int) -> int:
    """Return where the sentence begins that a mark at `end` is about, marks behind its stop too."""
    begin = max(0, end - CLAIM_CHARACTERS_MAX)
    head = plain[begin:end].rstrip(' \n\t.!?»”"')
    found = max(head.rfind(stop) for stop in (". ", "! ", "? "))
    return begin + found + 1
