"""Takes an administrator through a page's numbered steps, one at a time.

Where the reader stands is read off the conversation: how often they have said "next" since they
asked. It does not know what the steps are; they stand in the handbook.
"""

import re

import msgspec

from tramontane.guide.search import Hit
from tramontane.handbook import Page, Section

WALKED = ("add-a-provider", "add-a-model")
_ITEM = re.compile(r"^\d+\. (.*(?:\n(?!\d+\. |\n).*)*(?:\n\n   .*)*)", re.MULTILINE)


class Walk(msgspec.Struct, frozen=True):
    """A page's steps, and the one that is due, counted from 0."""

    page: Page
    section: Section
    steps: tuple[str, ...]
    at: int = 0


def begin(hit: Hit) -> Walk | None:
    """Return the walk that a question leads to; None where its answer has no steps."""
    if hit.page.slug not in WALKED:
        return None
    steps = steps_of(hit.section)
    return Walk(hit.page, hit.section, steps) if len(steps) > 1 else None


def steps_of(section: Section) -> tuple[str, ...]:
    """Return the items of the numbered list in `section`."""
    return tuple(
        re.sub(r"\n\s*", " ", match.group(1)).strip() for match in _ITEM.finditer(section.text)
    )
