"""Words of names and texts, as the catalogue is searched by them: folded and split.

It knows letters, not models.
"""

import re
import unicodedata

# A version stays one word: 3.1, v0.3, qwen2.5.
_WORD = re.compile(r"[^\W_]+(?:\.[0-9]+[^\W_]*)*")
_LETTERS_THEN_DIGITS = re.compile(r"([^\W\d_]{2,})([0-9].*)")
_PIECES = re.compile(r"[^\W\d_]+|[0-9]+")


def folded(text: str) -> str:
    """Return `text` without case and accents."""
    if text.isascii():
        return text.lower()
    parted = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in parted if not unicodedata.combining(letter))


def words(text: str) -> list[str]:
    """Return the words of `text` in order, folded.

    >>> words("Qwen2.5-7B Instruct")
    ['qwen2.5', '7b', 'instruct']
    """
    return _WORD.findall(folded(text))


def are_begun(wanted: list[str], known: list[str]) -> bool:
    """Return whether each wanted word is a known one's beginning.

    >>> are_begun(words("Tow DE"), words("Decrees of the town"))
    True
    """
    return all(any(each.startswith(word) for each in known) for word in wanted)


def spellings(word: str) -> list[str]:
    """Return the word, and its parts where a name runs into its number, so that both are found.

    >>> spellings("qwen2.5")
    ['qwen2.5', 'qwen', '2.5']
    """
    parts = _LETTERS_THEN_DIGITS.fullmatch(word)
    return [word] if parts is None else [word, parts[1], parts[2]]


def pieces(word: str) -> list[str]:
    """Return the runs of letters and of digits in a word.

    >>> pieces("llama3.1")
    ['llama', '3', '1']
    """
    return _PIECES.findall(word)
