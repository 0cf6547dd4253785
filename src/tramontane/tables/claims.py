"""What a text claims in figures: its numbers and dates, each where it stands.

Code, `[n]` marks, links, ordinals and the numbering of lists are no claims. It does not know
whether a claim is true: `binding` does.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise

import msgspec

from tramontane.text.numerals import Numeral, numerals
from tramontane.tools.periods import Day, find_days


class Claim(msgspec.Struct, frozen=True):
    """A number or a date from `start` to `end` (code points); one of the two is there."""

    start: int
    end: int
    numeral: Numeral | None = None
    day: Day | None = None


_IGNORED = re.compile(
    r"```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]*`"  # code
    r"|\[\d+(?:\s*[,;–-]\s*\d+)*\](?!\()|\]\([^)\n]*\)|https?://\S+"  # marks, targets of links
    r"|(?m:^\s*(?:[-*+>]\s+)*\(?\d{1,3}[.)](?=\s+\S))"  # numbering
    r"|(?<![\w.,])\d{1,3}(?:st|nd|rd|th|er|ère|re|e|ème|º|ª|°(?!\s?[CF]))(?!\w)",  # ordinals
    re.DOTALL,
)
_IDENTIFIER = re.compile(r"[^\W\d_][\w.]*[-_/]$")
_TABLE_ROW = re.compile(r"^[ \t]*\|[ \t]*(\d{1,4})[ \t]*\|", re.MULTILINE)


def claims(text: str, language: str | None) -> list[Claim]:
    """Return what `text` claims in figures, in its order."""
    taken = [match.span() for match in _IGNORED.finditer(text)]
    taken += _ranks(text)
    found = [Claim(start, end, day=day) for day, start, end in find_days(text, taken)]
    taken += [(claim.start, claim.end) for claim in found]
    for start, end in taken:  # what is taken is no number any more; places stay
        text = f"{text[:start]}{'~' * (end - start)}{text[end:]}"
    for numeral in numerals(text, language):
        if not _IDENTIFIER.search(text[max(0, numeral.start - 30) : numeral.start]):
            found.append(Claim(numeral.start, numeral.end, numeral))
    return sorted(found, key=lambda claim: claim.start)


def _ranks(text: str) -> Iterator[tuple[int, int]]:
    """Yield the numbers of a Markdown table's first column where they only count its rows."""
    rows = list(_TABLE_ROW.finditer(text))
    counts = [int(match[1]) for match in rows]
    if len(rows) > 1 and counts[0] == 1 and all(b == a + 1 for a, b in pairwise(counts)):
        yield from (match.span(1) for match in rows)


def fits(value: Decimal, shown: Decimal) -> bool:
    """Return whether `shown` is `value`, rounded to the digits that it shows.

    >>> fits(Decimal("1234.56"), Decimal("1234.6")), fits(Decimal("1234.56"), Decimal("1.2E+3"))
    (True, True)
    """
    exponent = shown.as_tuple().exponent
    assert isinstance(exponent, int)
    return abs(value - shown) <= Decimal(5).scaleb(exponent - 1)
