"""What documents say: their pages, single passages and where they stand, and searching them."""

import time
from typing import Annotated

import msgspec
from litestar import get
from litestar.params import FromPath, FromQuery, QueryParameter
from sqlalchemy import Connection

from tramontane.assistant import access
from tramontane.assistant.scope import scope_of
from tramontane.documents.passage import rectangles
from tramontane.documents.search import Hit, find
from tramontane.documents.snippets import Piece, snippet
from tramontane.errors import NotFound
from tramontane.guide.language import detect
from tramontane.store import passages
from tramontane.store.documents import Label, label_of
from tramontane.store.passages import StoredPassage
from tramontane.studio import library_access
from tramontane.studio.auth import GivenCaller
from tramontane.studio.operations import describe
from tramontane.studio.personas import persona_in
from tramontane.studio.platform import GivenPlatform
from tramontane.studio.routes.conversations import reader_of

TAG = "Libraries"
QUERY_CHARACTERS_MAX = 1_000
LIMIT_MAX = 50
_Query = Annotated[str, QueryParameter(max_length=QUERY_CHARACTERS_MAX)]
_Limit = Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX)]


class PassageView(msgspec.Struct, frozen=True, kw_only=True):
    """A passage. `heading` is the path of headings above it. `rectangles` (left, top, right,
    bottom, as fractions of the page from its top left) say where it stands, one for each line;
    none where the kind of document has no pages of its own.
    """

    number: int
    page: int
    kind: str
    heading: str
    text: str
    language: str | None
    rectangles: list[tuple[float, float, float, float]]


class PageView(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a document: `page` of `pages`, which are called `label`."""

    document_id: str
    page: int
    pages: int | None
    label: Label
    passages: list[PassageView]


class FoundPassage(msgspec.Struct, frozen=True, kw_only=True):
    """A passage that was found; in `snippet`, the words that were looked for are marked."""

    document_id: str
    document: str
    passage: int
    page: int
    label: Label
    heading: str
    snippet: list[Piece]
    score: float


class FoundList(msgspec.Struct, frozen=True):
    """What was found, the best first; `searched` is how many passages were looked through."""

    data: list[FoundPassage]
    took_ms: float
    searched: int


@get(
    "/documents/{document_id:str}/pages/{page:int}",
    **describe("getPage", "Read a page of a document", TAG, right="read", errors=(404,)),
)
def get_page(
    platform: GivenPlatform, caller: GivenCaller, document_id: FromPath[str], page: FromPath[int]
) -> PageView:
    """Its text, from 1; an empty page, or one that is a picture only, has no passages."""
    with platform.store.read() as c:
        found, _ = library_access.seen_document(c, caller, document_id)
        if not 1 <= page <= max(found.pages or 0, found.pages_done):
            raise NotFound(f"this document has no {found.label} {page}", param="page")
        on_it = passages.of_page(c, found.id, page)
    return PageView(
        document_id=found.id,
        page=page,
        pages=found.pages,
        label=found.label,
        passages=[_view(each) for each in on_it],
    )


@get(
    "/documents/{document_id:str}/passages/{number:int}",
    **describe("getPassage", "Read a passage", TAG, right="read", errors=(404,)),
)
def get_passage(
    platform: GivenPlatform,
    caller: GivenCaller,
    document_id: FromPath[str],
    number: FromPath[int],
    start: FromQuery[int] = 0,
    end: FromQuery[int | None] = None,
) -> PassageView:
    """With the rectangles of its characters from `start` to `end`, or of all of it."""
    with platform.store.read() as c:
        found, _ = library_access.seen_document(c, caller, document_id)
        passage = passages.get(c, found.id, number)
    return _view(passage, start, end)


@get(
    "/libraries/{library_id:str}/search",
    **describe("searchLibrary", "Search a library", TAG, right="read", errors=(404,)),
)
def search_library(
    platform: GivenPlatform,
    caller: GivenCaller,
    library_id: FromPath[str],
    q: _Query,
    limit: _Limit = 10,
) -> FoundList:
    """The passages that fit best, by the words of `q` in any form, in five languages."""
    with platform.store.read() as c:
        library = library_access.seen_library(c, caller, library_id)
        return _found(c, [library.id], q, limit)


@get(
    "/conversations/{conversation_id:str}/documents/search",
    **describe(
        "searchConversation", "Search what a conversation asks", TAG, people=True, errors=(404,)
    ),
)
def search_conversation(
    platform: GivenPlatform,
    caller: GivenCaller,
    conversation_id: FromPath[str],
    q: _Query,
    limit: _Limit = 10,
) -> FoundList:
    """Its own documents, and those of the libraries that it asks."""
    reader = reader_of(caller)
    with platform.store.read() as c:
        found = access.readable(c, conversation_id, reader)
        persona = persona_in(c, found, reader)
        asked = scope_of(c, found, persona.library_ids, ())
        return _found(c, list(asked.library_ids), q, limit)


def _found(c: Connection, library_ids: list[str], question: str, limit: int) -> FoundList:
    began_s = time.perf_counter()
    guess = detect(question)
    language = guess.language if guess is not None and guess.is_sure else None
    found = find(c, library_ids, question, language=language, limit=limit)
    took_ms = round((time.perf_counter() - began_s) * 1000, 1)
    hits = [_hit(each, question, language) for each in found.hits]
    return FoundList(hits, took_ms, found.searched)


def _hit(hit: Hit, question: str, language: str | None) -> FoundPassage:
    return FoundPassage(
        document_id=hit.document_id,
        document=hit.document,
        passage=hit.passage_number,
        page=hit.page,
        label=label_of(hit.document_kind),
        heading=hit.heading,
        snippet=snippet(hit.text, hit.language, question, language),
        score=hit.score,
    )


def _view(passage: StoredPassage, start: int = 0, end: int | None = None) -> PassageView:
    return PassageView(
        number=passage.number,
        page=passage.page,
        kind=passage.kind,
        heading=passage.heading,
        text=passage.text,
        language=passage.language,
        rectangles=rectangles(passage.boxes, len(passage.text), max(0, start), end),
    )
