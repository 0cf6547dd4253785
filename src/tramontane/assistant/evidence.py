"""What an answer has been shown: passages of documents by number.

Found before the model is asked, and more of them when it searches itself. The passages' text is
here while the answer is written, and in the document for good; an answer keeps only where they
stand. It does not know models, nor how a passage is found (`documents.search` does).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, and_, or_, select

from tramontane.assistant.followups import leans_back, query_of
from tramontane.assistant.orders import Order
from tramontane.assistant.scope import Scope
from tramontane.documents import search
from tramontane.documents.vectors import Vector
from tramontane.guide.language import detect
from tramontane.store import passages, schema
from tramontane.store.documents import TABLE_KINDS, Problem, label_of
from tramontane.store.messages import ChecksPart, Message, Source, SourcesPart
from tramontane.store.passages import StoredPassage

UNREADABLE_MAX = 20
HITS_MAX = 8
HITS_OF_ATTACHED = 6
CARRIED_MAX = 3
WHOLE_CHARACTERS = 16_000
CHARACTERS_PER_TOKEN = 3.0  # on the low side, for what must fit
HEAD_CHARACTERS = 120
Key = tuple[str, int]


class Shown(msgspec.Struct, frozen=True):
    """A passage with its number, as a model is shown it."""

    source: Source
    text: str
    language: str | None = None


class Evidence:
    """The passages of one answer. `searched` is how many there are to be searched in all,
    `unreadable` what came with the question and could not be read, by name, and why.
    """

    def __init__(
        self,
        searched: int = 0,
        shown: Iterable[Shown] = (),
        unreadable: Sequence[tuple[str, Problem]] = (),
    ) -> None:
        self.searched = searched
        self.unreadable = unreadable
        self.shown: list[Shown] = list(shown)

    def part(self) -> SourcesPart:
        """Return what is kept of it."""
        return SourcesPart(tuple(each.source for each in self.shown), self.searched)

    def add(self, found: Sequence[Shown]) -> list[Shown]:
        """Take in passages that were found later; return them with their numbers.

        One that is there already keeps the number that it has.
        """
        known = {_key(each): each for each in self.shown}
        numbered = []
        for each in found:
            if _key(each) not in known:
                number = max((s.source.number for s in self.shown), default=0) + 1
                source = msgspec.structs.replace(each.source, number=number)
                known[_key(each)] = msgspec.structs.replace(each, source=source)
                self.shown.append(known[_key(each)])
            numbered.append(known[_key(each)])
        return numbered

    def shorten(self) -> bool:
        """Drop the last half of the passages; return whether there were any to drop."""
        if len(self.shown) < 2:
            return False
        del self.shown[(len(self.shown) + 1) // 2 :]
        return True


def is_to_search(c: Connection, order: Order) -> bool:
    """Whether passages are to be found: there are more than can be shown whole, and none yet."""
    if order.reads_whole or any(isinstance(part, SourcesPart) for part in order.answer.parts):
        return False
    return passages.count(c, order.scope.library_ids) > len(_whole(c, order.scope, None))


def gather(
    c: Connection,
    order: Order,
    language: str | None,
    room_tokens: int | None,
    translations: Mapping[str, str] | None = None,
    vector: Vector | None = None,
) -> Evidence:
    """Return the passages for an answer: those that it had, where it goes on, else found ones.

    `translations`: the question in other languages of the documents; `vector`: its own.
    """
    scope = order.scope
    searched = passages.count(c, scope.library_ids)
    kept = [part for part in order.answer.parts if isinstance(part, SourcesPart)]
    if kept:
        return Evidence(searched, again(c, scope, kept[0].sources))
    unreadable = _unreadable(c, order)
    if not searched:
        return Evidence(unreadable=unreadable)
    found = _whole(c, scope, room_tokens)
    query = query_of(order.questions, language)
    if scope.attached and not found:
        found += _hits(
            c, scope, query, language, HITS_OF_ATTACHED, scope.attached, translations, vector
        )
    left = HITS_MAX - min(len(found), HITS_OF_ATTACHED)
    found += _hits(c, scope, query, language, left, None, translations, vector)
    if leans_back(order.question, language):
        found += _cited_before(order.branch)
    if not found:
        found = _openings(c, scope)
    shown = _shown(c, scope, list(dict.fromkeys(found)))
    return Evidence(searched, _numbered(fitting(shown, room_tokens)), unreadable)


def everything(c: Connection, scope: Scope) -> list[Shown]:
    """Return every passage of what came with the question, or was put into the conversation."""
    keys = [
        (document_id, passage.number)
        for document_id in scope.attached or _own(c, scope)
        for passage in passages.list_of(c, document_id)
    ]
    return _numbered(_shown(c, scope, keys))


def find_more(
    c: Connection, scope: Scope, query: str, language: str | None, vector: Vector | None = None
) -> list[Shown]:
    """Return passages for a search that a model makes, without their numbers.

    It may be in another language than the question's, which is `language`.
    """
    guess = detect(query)
    if guess is not None and guess.is_sure:
        language = guess.language
    return _shown(c, scope, _hits(c, scope, query, language, HITS_OF_ATTACHED, vector=vector))


def again(c: Connection, scope: Scope, sources: Iterable[Source]) -> list[Shown]:
    """Return passages that an answer was shown, as far as they are still there, and in scope."""
    kept = {(source.document_id, source.passage): source for source in sources}
    found = {_key(each): each for each in _shown(c, scope, list(kept))}
    return [
        msgspec.structs.replace(found[key], source=source)
        for key, source in kept.items()
        if key in found
    ]


def _hits(
    c: Connection,
    scope: Scope,
    query: str,
    language: str | None,
    limit: int,
    document_ids: Sequence[str] | None = None,
    translations: Mapping[str, str] | None = None,
    vector: Vector | None = None,
) -> list[Key]:
    if limit <= 0 or not query.strip():
        return []
    found = search.find(
        c,
        scope.library_ids,
        query,
        language=language,
        limit=limit,
        document_ids=document_ids,
        translations=translations,
        vector=vector,
    )
    return [(hit.document_id, hit.passage_number) for hit in found.hits]


def _whole(c: Connection, scope: Scope, room_tokens: int | None) -> list[Key]:
    """Return every passage of what came with the question, or was put into the conversation, where
    that is so little that it is best read whole.
    """
    most = WHOLE_CHARACTERS
    if room_tokens is not None:
        most = min(most, int(room_tokens * CHARACTERS_PER_TOKEN * 0.7))
    keys: list[Key] = []
    for document_id in scope.attached or _own(c, scope):
        for passage in passages.list_of(c, document_id, limit=most // HEAD_CHARACTERS + 1):
            most -= len(passage.text) + HEAD_CHARACTERS
            keys.append((document_id, passage.number))
            if most < 0:
                return []
    return keys


def _unreadable(c: Connection, order: Order) -> list[tuple[str, Problem]]:
    """Return what came with the question, or into the conversation since the one before it."""
    t = schema.documents.c
    asked = [message for message in order.branch if message.role == "user"]
    since_ms = asked[-2].created_at_ms if len(asked) > 1 else 0
    brought = and_(t.library_id == order.scope.own_library_id, t.created_at_ms > since_ms)
    query = select(t.name, t.problem).where(
        or_(t.id.in_(order.scope.attached), brought),
        t.status == "failed",
        t.superseded_at_ms.is_(None),
    )
    return [
        (name, msgspec.json.decode(problem, type=Problem) if problem else Problem("", ""))
        for name, problem in c.execute(query.order_by(t.name).limit(UNREADABLE_MAX))
    ]


def _own(c: Connection, scope: Scope) -> list[str]:
    if scope.own_library_id is None:
        return []
    t = schema.documents.c
    query = select(t.id).where(
        t.library_id == scope.own_library_id,
        t.status == "ready",
        t.superseded_at_ms.is_(None),
        t.kind.not_in(TABLE_KINDS),
    )
    return list(c.execute(query.order_by(t.created_at_ms, t.id)).scalars())


def _openings(c: Connection, scope: Scope) -> list[Key]:
    """Return how the conversation's own documents begin: for "what is this about?"."""
    own = list(scope.attached or _own(c, scope))[:HITS_MAX]
    each = max(1, HITS_MAX // max(1, len(own)))
    return [
        (document_id, passage.number)
        for document_id in own
        for passage in passages.list_of(c, document_id, limit=each)
    ]


def _cited_before(branch: Sequence[Message]) -> list[Key]:
    """Return the passages that the last answer cited, for a question that leans on it."""
    for message in reversed(branch):
        if message.role != "assistant":
            continue
        numbers = {
            check.source
            for part in message.parts
            if isinstance(part, ChecksPart)
            for check in part.checks
            if check.verdict == "proven"
        }
        return [
            (source.document_id, source.passage)
            for part in message.parts
            if isinstance(part, SourcesPart)
            for source in part.sources
            if source.number in numbers
        ][:CARRIED_MAX]
    return []


def _shown(c: Connection, scope: Scope, keys: Sequence[Key]) -> list[Shown]:
    """Return passages without numbers: none that is outside of `scope`, whoever names it."""
    ids = {document_id for document_id, _ in keys}
    if not ids:
        return []
    t = schema.documents.c
    query = select(t.id, t.name, t.kind).where(t.id.in_(ids), t.library_id.in_(scope.library_ids))
    known = {row.id: row for row in c.execute(query)}
    wanted = [key for key in keys if key[0] in known]
    found = passages.get_many(c, wanted)
    return [_of(passage, known[passage.document_id]) for passage in found]


def _of(passage: StoredPassage, document: Any) -> Shown:
    source = Source(
        number=0,
        document_id=passage.document_id,
        document=document.name,
        passage=passage.number,
        page=passage.page,
        label=label_of(document.kind),
        heading=passage.heading,
    )
    return Shown(source, passage.text, passage.language)


def fitting(shown: Sequence[Shown], room_tokens: int | None) -> list[Shown]:
    """Return as many, from the first on, as there is room for; at least a piece of the first."""
    if room_tokens is None:
        return list(shown)
    room = int(room_tokens * CHARACTERS_PER_TOKEN)
    kept: list[Shown] = []
    for each in shown:
        size = len(each.text) + HEAD_CHARACTERS
        if size > room and not kept and room > 2 * HEAD_CHARACTERS:
            cut = each.text[: room - HEAD_CHARACTERS]
            return [msgspec.structs.replace(each, text=cut)]
        if size > room:
            break
        room -= size
        kept.append(each)
    return kept


def _numbered(shown: Sequence[Shown]) -> list[Shown]:
    return [
        msgspec.structs.replace(each, source=msgspec.structs.replace(each.source, number=at))
        for at, each in enumerate(shown, 1)
    ]


def _key(shown: Shown) -> Key:
    return shown.source.document_id, shown.source.passage
