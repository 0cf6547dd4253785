"""Which sentences of a section to quote, and where an answer quotes one. It does not know what the
section is about.
"""

import re
from collections.abc import Callable
from functools import cache

from tramontane.guide.search import Index
from tramontane.guide.vocabulary import say, stems_of
from tramontane.handbook import LANGUAGES, pages

WHOLE_CHARACTERS = 700
QUOTED_CHARACTERS = 420

_QUOTE_SIGN = re.compile(r"^>[ ]?", re.MULTILINE)
_SENTENCE_END = re.compile(r"(?<=[.!?:])\s+(?=[A-ZÀ-ÖØ-Þ¿¡«“„`*\[])")


def quote(text: str, question: str, language: str, index: Index) -> str:
    """Return the section whole where it is short, else the block that says most of the question.

    Blocks are paragraphs and lists; a long paragraph is cut to its best sentences.
    """
    if len(text) <= WHOLE_CHARACTERS:
        return text
    asked = {term for group in index.terms(question) for term in group}

    def told(part: str) -> float:
        return sum(index.rarity(stem) for stem in set(stems_of(part, language)) & asked)

    blocks = [block for block in re.split(r"\n\n+", text) if block.strip()]
    best = max(range(len(blocks)), key=lambda i: (told(blocks[i]), -i))
    block = blocks[best]
    if block.lstrip().startswith(("-", "|", "```")) or block[:1].isdigit():
        before = blocks[best - 1] if best and blocks[best - 1].rstrip().endswith(":") else ""
        return f"{before}\n\n{block}".strip()
    return _best_sentences(block, told)


def _best_sentences(block: str, told: Callable[[str], float]) -> str:
    sentences = _SENTENCE_END.split(block)
    if len(block) <= QUOTED_CHARACTERS or len(sentences) < 2:
        return block
    start = max(range(len(sentences)), key=lambda i: (told(sentences[i]), -i))
    chosen = [sentences[start]]
    for sentence in sentences[start + 1 :]:
        if len(" ".join([*chosen, sentence])) > QUOTED_CHARACTERS:
            break
        chosen.append(sentence)
    return " ".join(chosen)


def handbook_spans(text: str) -> list[tuple[int, int]]:
    """Return the characters of an answer in which the guide gives the handbook: a quotation below
    its label, or a step of a walk. Only words that do stand in the handbook are any.
    """
    found = []
    for language in LANGUAGES:
        for pattern in _given(language):
            for match in pattern.finditer(text):
                said = _QUOTE_SIGN.sub("", match["said"])
                if (plain := _plain(said)) and plain in _whole(language):
                    found.append(match.span())
    return sorted(found)


@cache
def _given(language: str) -> tuple[re.Pattern[str], ...]:
    label = re.escape(say(language, "from"))
    signs = {"number": "\0", "count": "\1", "text": "\2"}
    step = re.escape(say(language, "step", **signs))
    for sign, pattern in (("\0", r"\d{1,3}"), ("\1", r"\d{1,3}"), ("\2", r"(?P<said>[^\n]+)")):
        step = step.replace(re.escape(sign), pattern)
    return (
        re.compile(rf"^{label}\n\n(?P<said>(?:>[^\n]*(?:\n|\Z))+)", re.MULTILINE),
        re.compile(rf"^{step}$", re.MULTILINE),
    )


@cache
def _whole(language: str) -> str:
    """Return all that the handbook says, its blanks as one each."""
    return "\n".join(_plain(each.text) for page in pages(language) for each in page.sections)


def _plain(text: str) -> str:
    return " ".join(text.split())
