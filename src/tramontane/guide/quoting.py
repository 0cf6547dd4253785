"""Which sentences of a section to quote. It does not know what the section is about."""

import re
from collections.abc import Callable

from tramontane.guide.search import Index
from tramontane.guide.vocabulary import stems_of

WHOLE_CHARACTERS = 700
QUOTED_CHARACTERS = 420

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
