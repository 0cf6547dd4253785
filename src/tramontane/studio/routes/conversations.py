"""`/api/v1/conversations`: one's own, and those that others share with the project."""

import asyncio
import base64
import binascii
from typing import Annotated, Any

import msgspec
from litestar import delete, get, patch, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import UNSET, UnsetType

from tramontane.assistant import access, reading, telling
from tramontane.assistant.access import Reader
from tramontane.assistant.orders import check_model
from tramontane.assistant.scope import check_libraries
from tramontane.assistant.views import ConversationView, Summary, conversation_view, summary
from tramontane.documents import keeping
from tramontane.errors import InvalidRequest
from tramontane.store import conversations, messages
from tramontane.store.conversations import Conversation, Parameters, Position
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.operations import describe
from tramontane.studio.personas import persona_of
from tramontane.studio.platform import GivenPlatform, Platform
from tramontane.studio.routes.assistant_models import models_for
from tramontane.studio.uploads import files_of

LIMIT_MAX = 200
INSTRUCTION_CHARACTERS_MAX = 20_000
TAG = "Conversations"


class ConversationList(msgspec.Struct, frozen=True):
    """A page of conversations; `next` is the cursor of the next one, null at the end."""

    data: list[Summary]
    next: str | None


class GivenParameters(
    Parameters, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """How the model is to be asked; what is left out is left to the model."""


class NewConversation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a conversation begins with. A temporary one is in no list, and is deleted a day after
    its last use.
    """

    project_id: str
    model: str
    assistant_id: str | None = None
    instructions: str | None = None
    parameters: GivenParameters = GivenParameters()
    is_temporary: bool = False


class ConversationChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be another; what is left out stays. `library_ids` are libraries and connections of
    the project that answers may draw on, beside what was put into the conversation itself.
    """

    title: str | UnsetType = UNSET
    pinned: bool | UnsetType = UNSET
    archived: bool | UnsetType = UNSET
    shared: bool | UnsetType = UNSET
    model: str | UnsetType = UNSET
    instructions: str | UnsetType | None = UNSET
    parameters: GivenParameters | UnsetType = UNSET
    library_ids: tuple[str, ...] | UnsetType = UNSET
    shown_message_id: str | UnsetType = UNSET


def reader_of(caller: Caller) -> Reader:
    """Return the signed-in member as who reads conversations. Raises Forbidden for keys."""
    member = caller.person()
    return Reader(member.id, caller.project_ids, member.language)


@get(
    "/conversations",
    **describe("listConversations", "List conversations", TAG, people=True, errors=(404,)),
)
def list_conversations(
    platform: GivenPlatform,
    caller: GivenCaller,
    project_id: Annotated[str | None, QueryParameter(description="Of one project only.")] = None,
    archived: Annotated[bool, QueryParameter(description="Those put away instead.")] = False,
    shared: Annotated[
        bool, QueryParameter(description="Those shared with the project, by anybody, instead.")
    ] = False,
    cursor: Annotated[str | None, QueryParameter(description="`next` of the last page.")] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=LIMIT_MAX)] = 50,
) -> ConversationList:
    """Pinned ones first, then the last used. Temporary ones are in no list."""
    reader = reader_of(caller)
    ids = reader.project_ids
    if project_id is not None:
        ids = (caller.membership(project_id).project_id,)
    with platform.store.read() as c:
        found = conversations.page(
            c,
            project_ids=ids,
            member_id=None if shared else reader.member_id,
            is_shared=shared,
            is_archived=archived,
            after=None if cursor is None else _position(cursor),
            limit=limit + 1,
        )
    page = found[:limit]
    following = _cursor(conversations.position(page[-1])) if len(found) > limit else None
    return ConversationList([_summary(platform, each, reader) for each in page], following)


@post(
    "/conversations",
    **describe(
        "createConversation", "Begin a conversation", TAG,
        people=True, is_async=True, errors=(404, 413),
    ),
)  # fmt: skip
async def create_conversation(
    platform: GivenPlatform, caller: GivenCaller, data: JSONBody[NewConversation]
) -> ConversationView:
    """It has no messages yet. `model` is a name of `GET /assistant/models`."""
    reader = reader_of(caller)
    place = caller.membership(data.project_id)
    _check_instructions(data.instructions)

    def create() -> Conversation:
        check_model(data.model, models_for(platform, place))
        with platform.store.write() as c:
            if data.assistant_id is not None:
                persona_of(c, data.assistant_id, reader)
            return conversations.create(
                c,
                member_id=reader.member_id,
                project_id=place.project_id,
                model=data.model,
                assistant_id=data.assistant_id,
                instructions=data.instructions,
                parameters=data.parameters,
                is_temporary=data.is_temporary,
                now_ms=platform.clock_ms(),
            )

    made = await asyncio.to_thread(create)
    feed = platform.answering.feed
    number = feed.ring(made.id).last
    telling.conversation(feed, made, is_running=False)
    return conversation_view(made, [], is_mine=True, is_running=False, feed=feed.event_id(number))


@get(
    "/conversations/{conversation_id:str}",
    **describe(
        "getConversation", "Show a conversation", TAG, people=True, is_async=True, errors=(404,)
    ),
)
async def get_conversation(
    platform: GivenPlatform, caller: GivenCaller, conversation_id: FromPath[str]
) -> ConversationView:
    """All its messages, as of the event `feed`: follow its events from there."""
    reader = reader_of(caller)
    found = await reading.read(
        platform.store,
        platform.answering,
        conversation_id,
        lambda c: access.readable(c, conversation_id, reader),
    )
    return conversation_view(
        found.conversation,
        found.messages,
        is_mine=reader.owns(found.conversation),
        is_running=platform.answering.is_running(conversation_id),
        feed=platform.answering.feed.event_id(found.number),
    )


@patch(
    "/conversations/{conversation_id:str}",
    **describe(
        "changeConversation", "Rename, pin, archive, share or set up a conversation", TAG,
        people=True, is_async=True, errors=(404, 413),
    ),
)  # fmt: skip
async def change_conversation(
    platform: GivenPlatform,
    caller: GivenCaller,
    conversation_id: FromPath[str],
    data: JSONBody[ConversationChanges],
) -> Summary:
    """Its owner only. `shared` lets the members of the project read it."""
    reader = reader_of(caller)

    def change() -> tuple[Conversation, Conversation]:
        models = None
        if data.model is not UNSET:
            with platform.store.read() as c:
                before = access.changeable(c, conversation_id, reader)
            models = models_for(platform, caller.membership(before.project_id))
            check_model(data.model, models)
        with platform.store.write() as c:
            before = access.changeable(c, conversation_id, reader)
            if data.shown_message_id is not UNSET:
                messages.get(c, conversation_id, data.shown_message_id)
            if data.library_ids is not UNSET:
                check_libraries(c, (before.project_id,), data.library_ids)
            changes = _changes(data, before, platform.clock_ms())
            return before, conversations.change(c, conversation_id, **changes)

    before, now = await asyncio.to_thread(change)
    answering = platform.answering
    telling.conversation(answering.feed, now, is_running=answering.is_running(now.id))
    if before.shared_at_ms is not None and now.shared_at_ms is None:
        telling.unshared(answering.feed, now)
        answering.feed.recheck()
    return _summary(platform, now, reader)


@delete(
    "/conversations/{conversation_id:str}",
    status_code=204,
    **describe(
        "deleteConversation", "Delete a conversation", TAG,
        people=True, is_async=True, errors=(404,),
    ),
)  # fmt: skip
async def delete_conversation(
    platform: GivenPlatform, caller: GivenCaller, conversation_id: FromPath[str]
) -> None:
    """For good, with its messages, its links, what was brought into it and what the search knew."""
    reader = reader_of(caller)

    def check() -> Conversation:
        with platform.store.read() as c:
            return access.changeable(c, conversation_id, reader)

    def remove() -> None:
        keeping.remove_conversation(platform.store, files_of(platform), conversation_id)

    found = await asyncio.to_thread(check)
    await platform.answering.stop_all(conversation_id)
    await asyncio.to_thread(remove)
    telling.deleted(platform.answering.feed, found)


def _changes(data: ConversationChanges, before: Conversation, now_ms: int) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    for name in ("model", "instructions", "parameters", "library_ids", "shown_message_id"):
        value = getattr(data, name)
        if value is not UNSET:
            changes[name] = value
    _check_instructions(changes.get("instructions"))
    if data.title is not UNSET:
        changes |= {"title": data.title, "title_source": "member"}
    for name, wanted in (("pinned", data.pinned), ("archived", data.archived)):
        if wanted is not UNSET:
            known = getattr(before, f"{name}_at_ms")
            changes[f"{name}_at_ms"] = (known or now_ms) if wanted else None
    if data.shared is not UNSET:
        if data.shared and before.is_temporary:
            raise InvalidRequest(
                "shared: a temporary conversation is nobody else's to see.",
                param="shared",
                code="invalid_value",
            )
        changes["shared_at_ms"] = (before.shared_at_ms or now_ms) if data.shared else None
    return changes


def _check_instructions(text: str | None) -> None:
    if text is not None and len(text) > INSTRUCTION_CHARACTERS_MAX:
        raise InvalidRequest(
            f"instructions: at most {INSTRUCTION_CHARACTERS_MAX:,} characters.",
            param="instructions",
            code="invalid_value",
        )


def _summary(platform: Platform, conversation: Conversation, reader: Reader) -> Summary:
    return summary(
        conversation,
        is_mine=reader.owns(conversation),
        is_running=platform.answering.is_running(conversation.id),
    )


def _cursor(position: Position) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).rstrip(b"=").decode()


def _position(cursor: str) -> Position:
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        return msgspec.json.decode(raw, type=Position)
    except (ValueError, binascii.Error, msgspec.DecodeError):
        raise InvalidRequest(
            "cursor: must be the `next` of a page before.", param="cursor", code="invalid_value"
        ) from None
