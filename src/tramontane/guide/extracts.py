"""Extracts: what documents say to a question, in their own words, with the sentence that fits best.

For when no model answers. Nothing is written anew: every sentence stands in a source, is put in
quotation marks and names it by its number. Where no sentence fits well enough, there is none. It
does not know how the sources were found.
"""

import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import msgspec

from tramontane.guide import evidence
from tramontane.guide.conversation import SourceText
from tramontane.guide.evidence import Sentence
from tramontane.text import ranking
from tramontane.text.sentences import sentences
from tramontane.text.stems import folded, stems, variants

MOST = 3
CLOSE = 2.0
"""A further extract is shown where its score is not this much below the best one's."""
CLOSE_WITH_LIST = 4.0
"""The same of one that leads to a list, which says more than it does itself."""
AROUND_CHARACTERS = 320
QUOTED_CHARACTERS = 700
LIST_CHARACTERS = 1_200
UNRANKED_LEAST = 4

_MARKS = (("“", "”"), ("«", "»"), ("„", "“"), ("‘", "’"))
_MARKDOWN = re.compile(r"[\\`*_\[\]<>~$#&]")
_LEADING = re.compile(r"(?:[-+=]|\d{1,9}[.)])(?=\s)")
_ITEM = re.compile(r"\s*(?P<sign>\d{1,3}[.)]|[-•◦▪‣*–—])\s+(?P<said>\S.*)")
_NOT = {
    "de": re.compile(r"\b(?:nicht|nie(?:mals)?|kein(?:e[mnrs]?)?)\b"),
    "en": re.compile(r"\b(?:not|never|no|none|cannot)\b|n['’]t\b"),
    "es": re.compile(r"\b(?:no|nunca|jamas|ningun[ao]?)\b"),
    "fr": re.compile(r"\b(?:pas|jamais|aucune?)\b"),
    "it": re.compile(r"\b(?:non|mai|nessun[ao]?)\b"),
}
_CELLS = " | "
_SPACES = re.compile(r"\s+")


class Wording(msgspec.Struct, frozen=True):
    """How one language labels extracts and what it calls a page."""

    one: str
    label: str
    begin: str
    about: str
    documents: str
    open: str
    close: str
    page: str
    slide: str
    sheet: str
    part: str


@cache
def _wordings() -> dict[str, Wording]:
    file = files("tramontane.guide") / "words" / "extracts.json"
    return msgspec.json.decode(file.read_bytes(), type=dict[str, Wording])


def extracts(
    question: str, sources: Sequence[SourceText], language: str, least: float = 0.0
) -> list[str] | None:
    """Return Markdown blocks, the label first; None where no source answers the question.

    `least` is how certain it has to be besides, from 0 to 1: something else may answer, too.
    """
    wording = _wordings().get(language) or _wordings()["en"]
    ordered = in_order(question, sources, language)
    if asks_about_all(question, language):
        return _openings(sources, wording)
    chosen = choose(question, ordered, language, least)
    if not chosen:
        return None
    label = wording.one if len(chosen) == 1 else wording.label
    return [label, *(_block(ordered[each.passage], each, wording) for each in chosen)]


def asks_about_all(question: str, language: str) -> bool:
    """Return whether `question` asks what documents are about, and names nothing in them.

    >>> asks_about_all("What is this report about?", "en"), asks_about_all("About rents?", "en")
    (True, False)
    """
    wording = _wordings().get(language) or _wordings()["en"]
    plain = folded(question)
    if re.search(wording.about, plain) is None:
        return False
    rest = set(stems(re.sub(wording.about, " ", plain), language))
    return rest <= _documents(language)


@cache
def _documents(language: str) -> frozenset[str]:
    """Return the stems of what documents and their pieces are called."""
    wording = _wordings().get(language) or _wordings()["en"]
    return frozenset(stems(wording.documents, language))


def _openings(sources: Sequence[SourceText], wording: Wording) -> list[str] | None:
    """Return the first sentences of each document."""
    first: dict[str, tuple[SourceText, Sentence]] = {}
    for source in sorted(sources, key=lambda one: (one.page, one.number)):
        spans = sentences(source.text, source.language)
        said = [(span, source.text[slice(*span)]) for span in spans]
        whole = [span for span, one in said if not evidence.is_open(one) and _CELLS not in one]
        if whole and source.document not in first:
            begin, end = whole[0]
            first[source.document] = source, Sentence(0, begin, end, ())
    if not first:
        return None
    return [wording.begin, *(_block(*each, wording) for each in list(first.values())[:MOST])]


def choose(
    question: str, sources: Sequence[SourceText], language: str | None, least: float = 0.0
) -> list[Sentence]:
    """Return the best sentence of each of the best sources, none where none is likely to answer."""
    found = evidence.best(question, sources, language)
    if not found or found[0].certainty < max(least, evidence.fitted().threshold):
        return []
    best: dict[str, Sentence] = {}
    first = sources[found[0].passage]
    denies = _denies(question, language) and _denies(
        first.text[found[0].start : found[0].end], first.language
    )
    for sentence in found:
        behind = found[0].score - sentence.score
        if behind > CLOSE_WITH_LIST:
            break
        source = sources[sentence.passage]
        taken = {each.passage for each in best.values()}
        said = _SPACES.sub(" ", source.text[sentence.start : sentence.end])
        if best and (evidence.is_open(said) or (denies and not _denies(said, source.language))):
            continue
        if behind > CLOSE and not (said.endswith(":") and _items(source.text[sentence.end :])):
            continue
        if sentence.passage not in taken and said not in best:
            best[said] = sentence
    return list(best.values())[:MOST]


def _denies(text: str, language: str | None) -> bool:
    """Whether something is said, or asked, not to be so."""
    pattern = _NOT.get(language or "")
    return pattern is not None and pattern.search(folded(text)) is not None


def in_order(
    question: str, sources: Sequence[SourceText], language: str | None
) -> list[SourceText]:
    """Return the sources as a search would rank them, where they come page by page.

    Hits of a search come best first; what is so short that it is read whole comes as it stands.
    """
    places = [(source.document, source.page) for source in sources]
    if len(sources) < UNRANKED_LEAST or places != sorted(places):
        return list(sources)
    asked = variants(question, language, {source.language for source in sources})
    stemmed = [
        _Stemmed(source, " ".join(stems(source.text, source.language))) for source in sources
    ]
    held = [set(each.stems.split()) for each in stemmed]
    counts = {stem: sum(stem in one for one in held) for group in asked for stem in group}
    return [each.source for each, _ in ranking.ranked(asked, stemmed, counts, len(sources))]


class _Stemmed(msgspec.Struct, frozen=True):
    source: SourceText
    stems: str


def _block(source: SourceText, chosen: Sentence, wording: Wording) -> str:
    before, after = _around(source, chosen)
    said = source.text[chosen.start : chosen.end]
    items = _items(source.text[chosen.end :]) if said.rstrip().endswith(":") else []
    if len(said) > QUOTED_CHARACTERS:
        said = said[: said.rfind(" ", 0, QUOTED_CHARACTERS)] + " …"
    opening, closing = _marks(said, wording)
    if items:
        after = ""
    quote = f"{before} **{opening}{_plain(said)}{closing}** {after}".strip()
    label = getattr(wording, source.label, wording.part)
    where = f"{_plain(source.document)}, {label} {source.page}"
    if source.heading:
        where += f" · {_plain(source.heading)}"
    lines = [f"{_SPACES.sub(' ', quote)} [{source.number}]", ""]
    if items:
        lines += [*items, ""]
    return "\n".join(f"> {line}".rstrip() for line in [*lines, f"— *{where}*"])


def _items(text: str) -> list[str]:
    """Return the list that `text` begins with, line by line, as far as there is room for it."""
    items: list[str] = []
    length = 0
    for line in text.strip().splitlines():
        item = _ITEM.match(line)
        length += len(line)
        if item is None:
            break
        if length > LIST_CHARACTERS:
            return [*items, "", "…"] if items else []
        items.append(f"{item['sign']} {_plain(item['said'], is_first=True)}")
    return items


def _around(source: SourceText, chosen: Sentence) -> tuple[str, str]:
    """Return what stands before and after the sentence: of a row, its table's first one."""
    text = source.text
    spans = sentences(text, source.language)
    at = spans.index((chosen.start, chosen.end))
    if _CELLS in text[chosen.start : chosen.end]:
        head = text[spans[0][0] : spans[0][1]]
        gap = "" if at == 1 else " …"
        return (
            f"{_plain(head, is_first=True)}{gap}" if at and len(head) <= QUOTED_CHARACTERS else ""
        ), ""
    begin, end = chosen.start, chosen.end
    for there in (at - 1, at + 1):
        if 0 <= there < len(spans):
            first, last = min(begin, spans[there][0]), max(end, spans[there][1])
            if last - first - (chosen.end - chosen.start) <= AROUND_CHARACTERS:
                begin, end = first, last
    return _plain(text[begin : chosen.start], is_first=True), _plain(text[chosen.end : end])


def _marks(said: str, wording: Wording) -> tuple[str, str]:
    """Return quotation marks that the sentence does not have itself: its language's if it can."""
    own = (wording.open, wording.close)
    inside = set(said)
    signs = ((pair, _SPACES.sub("", "".join(pair))) for pair in (own, *_MARKS))
    return next((pair for pair, sign in signs if inside.isdisjoint(sign)), own)


def _plain(text: str, *, is_first: bool = False) -> str:
    """Return `text` as Markdown that shows it as it is: a document's text is data.

    `is_first`: it stands at the beginning of a line.
    """
    plain = _MARKDOWN.sub(r"\\\g<0>", _SPACES.sub(" ", text.strip()))
    if is_first and (lead := _LEADING.match(plain)) is not None:
        plain = f"{plain[: lead.end() - 1]}\\{plain[lead.end() - 1 :]}"
    return plain.replace("://", ":\\/\\/")
