"""`/api/v1/samples`: a report and a table that ship, put into a conversation of one's own."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from litestar import post
from litestar.params import JSONBody
from sqlalchemy import Connection

from tramontane import samples
from tramontane.assistant import telling
from tramontane.assistant.choosing import best_model
from tramontane.errors import Unavailable
from tramontane.samples import Sample
from tramontane.store import conversations, documents, libraries
from tramontane.store.conversations import Conversation
from tramontane.studio import library_access
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform, Platform
from tramontane.studio.routes.assistant_models import models_for
from tramontane.studio.uploads import receive


class SampleWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which sample, in which language; in English where there is none in it."""

    sample: samples.Kind
    project_id: str
    language: str = "en"


class SampleMade(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation with the sample in it, which is being read, and questions to begin with."""

    conversation_id: str
    document_id: str
    questions: tuple[str, ...]


@post(
    "/samples",
    **describe(
        "trySample", "Begin a conversation with a sample", "Conversations",
        people=True, is_async=True, errors=(404, 503),
    ),
)  # fmt: skip
async def try_sample(
    platform: GivenPlatform, caller: GivenCaller, data: JSONBody[SampleWanted]
) -> SampleMade:
    """It needs no network. Where one of these was begun and nothing asked yet, it is that one."""
    place = caller.membership(data.project_id)
    wanted = samples.sample(data.sample, data.language)

    def begin() -> tuple[Conversation, str | None]:
        model = best_model(models_for(platform, place), _preferred(caller))
        if not model:
            raise Unavailable("No model can be used in this project yet.", code="no_model")
        with platform.store.write() as c:
            return _begun(platform, c, caller, place.project_id, model, wanted)

    conversation, document_id = await asyncio.to_thread(begin)
    if document_id is None:
        document, _ = await receive(
            platform,
            _pieces(wanted.body),
            wanted.name,
            find_library=lambda c: (
                library_access.own_library(c, conversation, platform.clock_ms()).id
            ),
            member_id=library_access.member_id_of(caller),
        )
        document_id = document.id
        telling.conversation(platform.answering.feed, conversation, is_running=False)
    return SampleMade(
        conversation_id=conversation.id, document_id=document_id, questions=wanted.questions
    )


def _preferred(caller: Caller) -> str | None:
    preferred = msgspec.json.decode(caller.person().preferences).get("default_model")
    return preferred if isinstance(preferred, str) else None


def _begun(
    platform: Platform, c: Connection, caller: Caller, project_id: str, model: str, wanted: Sample
) -> tuple[Conversation, str | None]:
    """Return the conversation, and the document where it has it already."""
    member = caller.person()
    for known in conversations.list_of_member(c, member.id):
        if known.title != wanted.title or known.project_id != project_id:
            continue
        library = libraries.of_conversation(c, known.id)
        held = documents.list_of(c, library.id) if library is not None else []
        if known.shown_message_id is None and held and held[0].name == wanted.name:
            return known, held[0].id
    made: dict[str, Any] = {"member_id": member.id, "project_id": project_id, "model": model}
    conversation = conversations.create(
        c, **made, title=wanted.title, title_source="member", now_ms=platform.clock_ms()
    )
    return conversation, None


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    yield body
