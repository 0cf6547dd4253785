"""What an answer says in somebody else's words, and which sources it names: found in Markdown.

Spans in the quotation marks of five languages, block quotes, and marks such as `[1]`. Code, links'
addresses and HTML's attributes are passed over. Pure; it does not know whether any of it is true.
"""

import re
from collections.abc import Iterator

import msgspec

_CLOSERS = {
    "“": '”“"',
    "„": '“”"',
    "«": "»",
    "»": "«",
    "‹": "›",
    "‚": "‘’",
    "‘": "’",
    '"': '"',
    "'": "'",
    "‟": "”",
}
SINGLE_CHARACTERS_MAX = 600  # in single quotation marks, which may be apostrophes
_CERTAIN = frozenset("“„«")  # they open a quote and nothing else
_SINGLE = frozenset("‘‚'‹")
_CODE = re.compile(r"^ {0,3}(`{3,}|~{3,})[^\n]*\n.*?(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.M | re.S)
_INLINE_CODE = re.compile(r"(?<!`)(`+)(?!`)(?:[^`\n]|(?!(?<!`)\1(?!`))`)+?(?<!`)\1(?!`)")
_HIDDEN = re.compile(
    r"(?<=\])\((?:[^()\s]|\([^()\s]*\))*(?:\s+(?:\"[^\"\n]*\"|'[^'\n]*'))?\)"  # a link's address
    r"|</?[A-Za-z][^<>\n]*>|<!--.*?-->|https?://[^\s<>\"»”]+",
    re.S,
)
_QUOTED_LINE = re.compile(r"^[ \t]*(?:(?:[-*+]|\d{1,3}[.)])[ \t]+)*>[ \t]?(?:>[ \t]?)*", re.M)
_BLOCK_BREAK = re.compile(r"\n[ \t]*\n|\n(?=[ \t]*(?:[-*+][ \t]|\d{1,3}[.)][ \t]|#{1,6} |\||>))")
_WORD = (
    r"(?:(?:sources?|passages?|refs?|quellen?|fuentes?|fonti|fonte|réf|documents?|doc)\.?:?\s*)?"
)
_NUMBERS = r"\d{1,4}(?:\s*[-–,;]\s*\d{1,4})*"
_MARK = re.compile(
    rf"\[\^(?P<note>\d{{1,4}})\]"
    rf"|\[(?P<square>{_WORD}{_NUMBERS})\]"
    rf"|[【［](?P<wide>{_WORD}{_NUMBERS})[^】］\n]{{0,80}}[】］]"
    rf"|<sup>\[?(?P<sup>{_NUMBERS})\]?</sup>"
    r"|(?<=[^\W\d_]{4})(?P<raised>[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3})(?![\w⁻⁺/])"
    r"|(?<=[.,;:!?»”“\")])(?P<after>[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,3})(?!\w)",
    re.IGNORECASE,
)
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_LINE = re.compile(r"[^\n]+")
_ATTRIBUTION = re.compile(r"^\s*(?:[—–―]|--)\s*\S")


class Span(msgspec.Struct, frozen=True):
    """Words of an answer, from `start` on. `is_block`: a block quote's."""

    start: int
    end: int
    is_block: bool = False


class Mark(msgspec.Struct, frozen=True):
    """One number of a mark; `start` and `end` are those of the mark where it has only this one."""

    start: int
    end: int
    number: int
    whole: tuple[int, int]


def bare(text: str) -> str:
    """Return `text` with blanks in place of code and of what is not read, as long as it was."""
    for pattern in (_CODE, _INLINE_CODE, _HIDDEN):
        text = pattern.sub(_blank, text)
    return text


def _blank(match: re.Match[str]) -> str:
    if match.group().startswith(("<sup>", "</sup>")):
        return match.group()
    return re.sub(r"[^\n]", " ", match.group())


def marks(bare_text: str) -> list[Mark]:
    """Return the marks that name sources, number by number, ranges as each of their numbers."""
    found: list[Mark] = []
    for match in _MARK.finditer(bare_text):
        name = match.lastgroup
        assert name is not None
        if name == "square" and _is_other(bare_text, match):
            continue
        if name in ("raised", "after"):
            said = [(match.start(), match.end(), int(match.group().translate(_RAISED)))]
        else:
            said = list(_numbers(bare_text, match.start(name), match.end(name)))
        for start, end, number in said:
            place = match.span() if len(said) == 1 else (start, end)
            found.append(Mark(*place, number, match.span()))
    return found


def without_marks(text: str) -> str:
    """Return `text` without the marks that name sources, code left alone.

    >>> without_marks("Rents rose [1, 2], it says【3】. `a[1]`")
    'Rents rose, it says. `a[1]`'
    """
    spans = sorted({mark.whole for mark in marks(bare(text))}, reverse=True)
    for start, end in spans:
        text = text[:start].rstrip(" ") + text[end:]
    return text


def _is_other(text: str, match: re.Match[str]) -> bool:
    """Whether it is a footnote's or link's own definition."""
    is_first = text.rfind("\n", 0, match.start()) + 1 == match.start()
    return (
        is_first
        and text[match.end() : match.end() + 1] == ":"
        and not text[match.end() + 1 : match.end() + 2].isspace()
    )


def _numbers(text: str, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
    said = list(re.finditer(r"\d{1,4}", text[begin:end]))
    for at, one in enumerate(said):
        start, stop = begin + one.start(), begin + one.end()
        yield start, stop, int(one.group())
        if at + 1 == len(said):
            return
        between = text[stop : begin + said[at + 1].start()].strip()
        if between in ("-", "–"):
            first, last = int(one.group()), int(said[at + 1].group())
            for number in range(first + 1, min(last, first + 20)):
                yield start, stop, number


def quotes(bare_text: str) -> list[Span]:
    """Return what stands in quotation marks and in block quotes, in order.

    What stands in quotation marks within a block quote is part of that.
    """
    blocks = list(_block_quotes(bare_text))
    found = list(blocks)
    at = 0
    for first, last in [*((b.start, b.end) for b in blocks), (len(bare_text), len(bare_text))]:
        found += _in_marks(bare_text, at, first)
        at = last
    return sorted(found, key=lambda span: span.start)


def _block_quotes(text: str) -> Iterator[Span]:
    lines = [match for match in re.finditer(r"[^\n]*\n?", text) if match.group()]
    begun: int | None = None
    for line in lines:
        is_quoted = _QUOTED_LINE.match(line.group()) is not None
        if is_quoted and begun is None:
            begun = line.start()
        elif begun is not None and not is_quoted and (not line.group().strip() or _begins(line)):
            yield Span(begun, line.start(), is_block=True)
            begun = None
    if begun is not None:
        yield Span(begun, len(text), is_block=True)


def _begins(line: re.Match[str]) -> bool:
    """Whether the line is no lazy continuation of what stands above."""
    return re.match(r"[ \t]*(?:[-*+][ \t]|\d{1,3}[.)][ \t]|#{1,6} |\|)", line.group()) is not None


def lines_of(text: str, block: Span) -> list[Span]:
    """Return the lines of a block quote without its signs, and without whom it is by."""
    found = []
    for line in re.finditer(r"[^\n]+", text[block.start : block.end]):
        sign = _QUOTED_LINE.match(line.group())
        inner = line.group()[sign.end() :] if sign else line.group()
        if not inner.strip() or _ATTRIBUTION.match(inner):
            continue
        start = block.start + line.end() - len(inner)
        found.append(Span(start, block.start + line.end(), is_block=True))
    return found


def attributions(text: str) -> list[tuple[int, int]]:
    """Return the lines of block quotes that say whom they are by: no words of the source.

    >>> attributions("> Rents rose. [1]\\n>\\n> — *Report, page 6 · 2 Rents*")
    [(20, 50)]
    """
    return [
        line.span()
        for line in _LINE.finditer(text)
        if (sign := _QUOTED_LINE.match(line[0])) and _ATTRIBUTION.match(line[0][sign.end() :])
    ]


def _in_marks(text: str, begin: int, end: int) -> Iterator[Span]:
    at = begin
    for stop in [*(m.start() for m in _BLOCK_BREAK.finditer(text, begin, end)), end]:
        yield from _in_paragraph(text, at, stop)
        at = stop


def _in_paragraph(text: str, begin: int, end: int) -> Iterator[Span]:
    at = begin
    while at < end:
        mark = text[at]
        if mark not in _CLOSERS or not _opens(text, at, begin):
            at += 1
            continue
        close = _close(text, at, end)
        if close is None and (mark in _CERTAIN or _stands_free(text, at)) and mark not in _SINGLE:
            close = end  # it never ends: the answer was cut off, or the model forgot
        if close is None:
            at += 1
            continue
        if text[at + 1 : close].strip():
            yield Span(at + 1, close)
        at = close + 1


def _opens(text: str, at: int, begin: int) -> bool:
    mark = text[at]
    if mark in _CERTAIN:
        return True
    before = text[at - 1] if at > begin else " "
    if before.isalnum():
        return False
    return mark != "»" or _stands_free(text, at)


def _stands_free(text: str, at: int) -> bool:
    after = text[at + 1 : at + 2]
    return bool(after) and not after.isspace()


def _close(text: str, at: int, end: int) -> int | None:
    """Return where the quote that opens at `at` closes."""
    mark, depth = text[at], 0
    if mark in _SINGLE:
        end = min(end, at + SINGLE_CHARACTERS_MAX)
    for place in range(at + 1, end):
        other = text[place]
        if other == mark and mark in "„«":
            depth += 1
        elif other in _CLOSERS[mark]:
            if mark in _SINGLE and not _may_close(text, place):
                continue
            if mark == "“" and other == "“" and _stands_free(text, place):
                continue
            if depth == 0:
                return place
            depth -= 1
    return None


def _may_close(text: str, at: int) -> bool:
    """Whether a single quotation mark is no apostrophe."""
    return not text[at - 1].isspace() and not text[at + 1 : at + 2].isalnum()
