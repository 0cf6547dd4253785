"""What an answer says, compared with what it was given: its last part, made here.

Quotes and marks by `documents.citations`, numbers by `tables.binding` and `figures`. Pure, and as
good for an answer that was stopped as for a whole one. It does not know who asked.
"""

from collections.abc import Sequence

import msgspec

from tramontane.assistant import figures
from tramontane.assistant.evidence import Shown
from tramontane.assistant.figures import Known, Worked
from tramontane.assistant.results import QUERY_TABLE, SEARCH_DOCUMENTS
from tramontane.documents import citations
from tramontane.documents.citations import SourceText
from tramontane.guide.language import detect
from tramontane.guide.quoting import handbook_spans
from tramontane.store.messages import (
    Check,
    ChecksPart,
    Part,
    ResultPart,
    SourcesPart,
    TextPart,
    ToolPart,
)
from tramontane.tables.binding import bind

LANGUAGE_CHARACTERS = 10_000
LIBRARY_TOOLS = frozenset({SEARCH_DOCUMENTS, QUERY_TABLE})


def checked(
    parts: Sequence[Part], shown: Sequence[Shown], question: str, language: str | None
) -> ChecksPart | None:
    """Return what was found in the texts of an answer; None where it drew on nothing.

    `shown` are the passages of its sources, as far as they are still there.
    """
    listed = [source for part in parts if isinstance(part, SourcesPart) for source in part.sources]
    has_sources = any(isinstance(part, SourcesPart) for part in parts)
    results = _results(parts)
    if not has_sources and not results:
        return None
    texts = {each.source.number: each for each in shown}
    sources = []
    for source in listed:
        found = texts.get(source.number)
        text, own = (found.text, found.language) if found else ("", None)
        sources.append(SourceText(source.number, text, own, (source.document, source.heading)))
    pages = {source.number: source.page for source in listed}
    known = Known(
        passages=[figures.passage(source, pages[source.number]) for source in sources],
        question=question,
        language=language,
        worked=[
            Worked(part.arguments, part.result)
            for part in parts
            if isinstance(part, ToolPart)
            and part.result is not None
            and not part.is_error
            and part.name not in LIBRARY_TOOLS
        ],
    )
    made: list[Check] = []
    for at, part in enumerate(parts):
        if isinstance(part, TextPart):
            made += _of_text(at, part.text, sources, results, known, has_sources)
    return ChecksPart(tuple(made))


def _results(parts: Sequence[Part]) -> list[ResultPart]:
    found = [part for part in parts if isinstance(part, ResultPart)]
    if not found:
        return []
    # Imported here, as where tables are asked: it loads sqlglot.
    from tramontane.tables.constants import without_constants

    return [without_constants(part) for part in found]


def _of_text(
    at: int,
    text: str,
    sources: Sequence[SourceText],
    results: Sequence[ResultPart],
    known: Known,
    has_sources: bool,
) -> list[Check]:
    said = citations.check(text, sources, known.question) if has_sources else []
    said = [_in_part(check, at) for check in said]
    known = msgspec.structs.replace(known, language=_language(text, said, known.language))
    bound = bind(text, results, known.question, known.language, at) if results else None
    numbers = figures.judge(text, known, said, bound, at)
    others = handbook_spans(text)  # what the guide gives of the handbook is no document's
    found = [
        check
        for check in (*said, *numbers)
        if not any(start <= check.start < end for start, end in others)
    ]
    return sorted(found, key=lambda check: check.start)


def _language(text: str, said: Sequence[Check], asked: str | None) -> str | None:
    """Return the language that an answer is written in, apart from what it quotes; where that
    cannot be told, the question's.
    """
    text = text[:LANGUAGE_CHARACTERS]
    for check in said:
        end = check.start + len(check.text)
        if end > len(text):
            break
        text = f"{text[: check.start]}{' ' * len(check.text)}{text[end:]}"
    guess = detect(text)
    return guess.language if guess is not None and guess.is_sure else asked


def _in_part(check: Check, at: int) -> Check:
    return Check(
        part=at, start=check.start, text=check.text, kind=check.kind, verdict=check.verdict,
        source=check.source, at=check.at, cell=check.cell,
    )  # fmt: skip
