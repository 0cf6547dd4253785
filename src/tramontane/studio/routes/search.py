"""`/api/v1/search`: words in conversations."""

import time
from typing import Annotated

import msgspec
from litestar import get
from litestar.params import QueryParameter

from tramontane.assistant import search as searching
from tramontane.assistant.search import Found, Snippet
from tramontane.store.windows import time_name
from tramontane.studio.auth import GivenCaller
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform
from tramontane.studio.routes.conversations import reader_of

QUERY_CHARACTERS_MAX = 500


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """Where the words stand; without `message_id` and `role`, in the title."""

    conversation_id: str
    title: str
    message_id: str | None
    role: str | None
    created_at: str
    snippet: list[Snippet]


class HitList(msgspec.Struct, frozen=True):
    """Titles first, then messages, the newest first."""

    data: list[Hit]
    took_ms: float


@get("/search", **describe("search", "Search conversations", "Conversations", people=True))
def search(
    platform: GivenPlatform,
    caller: GivenCaller,
    q: Annotated[str, QueryParameter(max_length=QUERY_CHARACTERS_MAX)],
    limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
) -> HitList:
    """One's own conversations and those shared with one's projects. Every word must be there, the
    last one as a beginning; accents and case do not matter.
    """
    reader = reader_of(caller)
    began_s = time.perf_counter()
    with platform.store.read() as c:
        found = searching.search(
            c, q, member_id=reader.member_id, project_ids=reader.project_ids, limit=limit
        )
    took_ms = round((time.perf_counter() - began_s) * 1000, 1)
    return HitList([_hit(each) for each in found], took_ms)


def _hit(found: Found) -> Hit:
    return Hit(
        conversation_id=found.conversation_id,
        title=found.title,
        message_id=found.message_id,
        role=found.role,
        created_at=time_name(found.created_at_ms),
        snippet=found.snippet,
    )
