"""The stems of a text's words: what is compared where words are compared by meaning.

Snowball's stemmers for five languages, over words in lower case; accents are folded afterwards, so
that a question typed without them finds the same. Stop words are left out, numbers are kept and
written in one way whatever their thousands are parted by. A text of another language loses only
its commonest endings. It does not know what is searched, nor which language a text is in.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache

import msgspec
import snowballstemmer

from tramontane.text.stopwords import STOP_WORDS

KEPT_WORDS = 50_000
LONGEST_WORD = 40
SHORTEST_PART = 4
_STEMMERS = {"en": "english", "fr": "french", "de": "german", "es": "spanish", "it": "italian"}

_GROUPED = r"(?P<whole>\d{1,3}(?P<by>[.,'’\u2009\u202f\xa0 ])\d{3}(?:(?P=by)\d{3})*)(?!\d)"
_PART = r"(?:[.,](?P<part>\d+)(?![.,]?\d))?"
_DECIMAL = r"\d+[.,]\d+(?![.,]?\d)"
_INITIALS = r"(?:[^\W\d_]\.){2,}(?:[^\W\d_](?![^\W_]))?"
_TOKEN = re.compile(rf"(?<!\d)(?:{_GROUPED}{_PART}|{_DECIMAL})|{_INITIALS}|[^\W_]+")
_NOT_A_DIGIT = re.compile(r"\D")
_INVISIBLE = re.compile(r"[\xad\u200b-\u200f\u2060\ufeff]|(?<=[^\W\d_])[-\u2010]\n(?=[a-zß-ÿ])")
_FOOTNOTE = re.compile(r"(?<=[^\W\d])[¹²³⁰⁴-⁹]+$")
_LETTERS = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ı": "i"})
_JOINTS = ("", "s", "n", "en", "es")
_ENDING = re.compile(r"(?:e[nrs]|[aeinos])$")


class Word(msgspec.Struct, frozen=True):
    """A word of a text: its characters from `start` to `end`, and its stem."""

    start: int
    end: int
    stem: str


def stems(text: str, language: str | None) -> list[str]:
    """Return the stems of the words that carry meaning, in their order.

    `language` is one of "en", "fr", "de", "es", "it"; None or another: stop words stay.

    >>> stems("The Panthers' defences gave up 1,308 points.", "en")
    ['panther', 'defenc', 'gave', '1308', 'point']
    >>> stems("L’hiver à Genève", "fr")
    ['hiv', 'genev']
    """
    text = _INVISIBLE.sub("", text)
    return [stem for _, stem in _kept(text, language)]


def words(text: str, language: str | None) -> list[Word]:
    """Return the words that carry meaning with their stems and where they stand in `text`."""
    return [Word(match.start(), match.end(), stem) for match, stem in _kept(text, language)]


def variants(
    text: str, language: str | None, others: Iterable[str | None] = ()
) -> list[tuple[str, ...]]:
    """Return, for each word of `text` that carries meaning, the stems that it may stand as.

    The first is that of its own `language`, then those of the `others`. Where the language is not
    known, what is a stop word in any of them is left out, unless nothing else is there.

    >>> variants("Wer ist Barack Obama?", "de", ["de", "it"])
    [('barack',), ('obama', 'obam')]
    """
    known = list(dict.fromkeys([language, *others]))
    stop = STOP_WORDS.get(language or "") or frozenset().union(
        *(STOP_WORDS.get(other or "", frozenset()) for other in known)
    )
    text = _INVISIBLE.sub("", text)
    found: dict[tuple[str, ...], None] = {}
    small: dict[tuple[str, ...], None] = {}
    for match, own in _kept(text, language):
        word = match.group()
        group: dict[str, None] = {own: None}
        if word.isalnum():
            group |= {term: None for other in known if (term := stemmer(other)(word))}
        (small if folded(word) in stop and not word.isupper() else found)[tuple(group)] = None
    return list(found or small)


def cuts(stem: str) -> list[tuple[str, str]]:
    """Return the stems of two words that a German compound of this stem may be made of, those of
    more equal length first. Which of them are words at all, whoever asks has to know.

    >>> ("kundig", "frist") in cuts("kundigungsfrist"), cuts("frist")
    (True, [])
    """
    if not stem.isalpha() or len(stem) < 2 * SHORTEST_PART:
        return []
    found: dict[tuple[str, str], None] = {}
    term = stemmer("de")
    places = range(SHORTEST_PART, len(stem) - SHORTEST_PART + 1)
    for at in sorted(places, key=lambda place: abs(2 * place - len(stem))):
        for joint in _JOINTS:
            first = stem[:at].removesuffix(joint)
            if len(first) >= SHORTEST_PART and stem[:at].endswith(joint):
                found[term(first), term(stem[at:])] = None
    return list(found)


def folded(text: str) -> str:
    """Return `text` in lower case and without accents.

    >>> folded("Où est l’été ?")
    'ou est l’ete ?'
    """
    apart = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return "".join(c for c in apart if not unicodedata.combining(c))


def _kept(text: str, language: str | None) -> Iterator[tuple[re.Match[str], str]]:
    meaning, stem = _meaning(language), stemmer(language)
    shouts = text.isupper()
    for match in _TOKEN.finditer(text):
        word = match.group()
        if word.isalnum():
            is_name = len(word) > 1 and not shouts and word.isupper()  # US, IT and WHO
            term = stem(word) if is_name else meaning(word)
            if term:
                yield match, term
        elif word[0].isdigit():
            yield match, _number(match)
        else:
            yield match, folded(word.replace(".", ""))


def _number(match: re.Match[str]) -> str:
    """Return how a number is spelled: 1.234.567 as 1234567, and 3,5 as 3x5: one word."""
    if match["whole"] is None:
        return _NOT_A_DIGIT.sub("x", match.group())
    whole = _NOT_A_DIGIT.sub("", match["whole"])
    return f"{whole}x{match['part']}" if match["part"] else whole


@cache
def stemmer(language: str | None) -> Callable[[str], str]:
    """Return a function from a word to its stem without accents; each word is stemmed once."""
    name = _STEMMERS.get(language or "")
    stem = snowballstemmer.stemmer(name).stemWord if name else _lightly

    @lru_cache(KEPT_WORDS)
    def stemmed(word: str) -> str:
        plain = unicodedata.normalize("NFKC", _FOOTNOTE.sub("", word)).casefold()
        found = folded(stem(plain.translate(_LETTERS)[:LONGEST_WORD]))
        return found if found.isalnum() else "".join(c for c in found if c.isalnum())

    return stemmed


@cache
def _meaning(language: str | None) -> Callable[[str], str]:
    """Return a function from a word to its stem, to nothing where it is a stop word."""
    stop, stem = STOP_WORDS.get(language or "", frozenset()), stemmer(language)

    @lru_cache(KEPT_WORDS)
    def meaning(word: str) -> str:
        return "" if folded(word) in stop else stem(word)

    return meaning


def _lightly(word: str) -> str:
    """Return `word` without its commonest endings."""
    word = folded(word)
    if len(word) < 5 or any(c.isdigit() for c in word):
        return word
    return _ENDING.sub("", word)
