"""What is searched for a question: the question, and what came before it where it leans on that.

Pure. "And in Lyon?" says nothing alone: short questions, and those that begin with "and" or point
back with a pronoun, are searched together with the one before. It does not know documents.
"""

import re
from collections.abc import Sequence

from tramontane.text.stems import stems

WORDS_ENOUGH = 4
QUERY_CHARACTERS_MAX = 4_000
_BACKWARDS = {
    "en": r"and|but|what about|how about|why|so|it|its|they|them|their|he|she|his|her|this|that"
    r"|these|those|there|the same",
    "fr": r"et|mais|pourquoi|donc|il|elle|ils|elles|lui|leur|leurs|cela|ça|ceci|celui|celle|ceux"
    r"|celles|y|en|ce|cette|ces|le même|la même",
    "de": r"und|aber|wieso|warum|also|er|sie|es|ihn|ihm|ihr|ihre|ihren|dieser|diese|dieses|diesem"
    r"|diesen|dort|davon|dazu|daran|darin|derselbe|dieselbe|dasselbe",
    "es": r"y|pero|por qué|entonces|él|ella|ellos|ellas|le|les|lo|su|sus|esto|eso|este|esta|estos"
    r"|estas|ese|esa|esos|esas|allí|el mismo|la misma",
    "it": r"e|ma|perché|allora|lui|lei|loro|esso|essa|essi|suo|sua|suoi|sue|questo|questa|questi"
    r"|queste|quello|quella|ciò|ci|ne|lo stesso|la stessa",
}
_BEGINS = {
    language: re.compile(rf"\W*(?:{words})\b", re.IGNORECASE)
    for language, words in _BACKWARDS.items()
}


def leans_back(question: str, language: str | None) -> bool:
    """Return whether `question` is unlikely to be understood without the one before.

    >>> leans_back("And in Lyon?", "en"), leans_back("Welche Ausgaben hatte das Amt 2024?", "de")
    (True, False)
    """
    carried = stems(question, language)
    if len(carried) < WORDS_ENOUGH:
        return True
    begins = _BEGINS.get(language or "")
    return len(carried) < 2 * WORDS_ENOUGH and begins is not None and bool(begins.match(question))


def query_of(questions: Sequence[str], language: str | None) -> str:
    """Return what to search for the last of `questions`, oldest first."""
    if not questions:
        return ""
    query = questions[-1]
    for before in reversed(questions[:-1][-2:]):
        if not leans_back(query, language):
            break
        query = f"{query}\n{before}"
    return query[:QUERY_CHARACTERS_MAX]
