"""`…/shares` and `/api/v1/shared`: a conversation read by whoever is signed in and has its link.

A link shows the branch as it was when the link was made: what is written later is not in it. What
it cost, who asked with which instructions, and what somebody thought of an answer are not shown.
"""

from typing import Any

import msgspec
from litestar import Request, delete, get, post
from litestar.params import FromPath, JSONBody

from tramontane.assistant import access
from tramontane.assistant.views import (
    ConversationView,
    conversation_view,
    message_view,
    without_ways_in,
)
from tramontane.errors import InvalidRequest
from tramontane.store import conversations, messages, shares
from tramontane.store.conversations import Conversation, Parameters
from tramontane.store.messages import Message
from tramontane.store.shares import Share
from tramontane.store.windows import time_name
from tramontane.studio.auth import GivenCaller
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform
from tramontane.studio.routes.conversations import reader_of
from tramontane.studio.routes.session import arrived_at

TAG = "Conversations"


class ShareView(msgspec.Struct, frozen=True, kw_only=True):
    """A link to a conversation. Its address is in the answer that makes it, and never again."""

    id: str
    message_id: str
    created_at: str


class NewShare(ShareView, frozen=True, kw_only=True):
    """A new link with its address."""

    url: str


class ShareList(msgspec.Struct, frozen=True):
    """Links that have not been taken back, newest first."""

    data: list[ShareView]


class ShareToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands at the end of a link's address."""

    token: str


@post(
    "/conversations/{conversation_id:str}/shares",
    **describe(
        "shareConversation", "Make a link to a conversation", TAG, people=True, errors=(404,)
    ),
)
def share_conversation(
    platform: GivenPlatform,
    caller: GivenCaller,
    request: Request[Any, Any, Any],
    conversation_id: FromPath[str],
) -> NewShare:
    """For its owner. It shows the branch that is shown now, to anybody who is signed in."""
    with platform.store.write() as c:
        found = access.changeable(c, conversation_id, reader_of(caller))
        if found.is_temporary or found.shown_message_id is None:
            raise InvalidRequest(
                "There is nothing to share in it."
                if found.shown_message_id is None
                else "A temporary conversation is nobody else's to see."
            )
        share, token = shares.create(
            c,
            platform.pepper,
            conversation_id=found.id,
            message_id=found.shown_message_id,
            now_ms=platform.clock_ms(),
        )
    origin = platform.settings.server.public_url or arrived_at(platform, request).origin
    return NewShare(**_fields(share), url=shares.url(origin, token))


@get(
    "/conversations/{conversation_id:str}/shares",
    **describe("listShares", "List the links to a conversation", TAG, people=True, errors=(404,)),
)
def list_shares(
    platform: GivenPlatform, caller: GivenCaller, conversation_id: FromPath[str]
) -> ShareList:
    """For its owner."""
    with platform.store.read() as c:
        found = access.changeable(c, conversation_id, reader_of(caller))
        return ShareList([ShareView(**_fields(share)) for share in shares.list_of(c, found.id)])


@delete(
    "/shares/{share_id:str}",
    **describe("revokeShare", "Take a link back", TAG, people=True, errors=(404,)),
)
def revoke_share(platform: GivenPlatform, caller: GivenCaller, share_id: FromPath[str]) -> None:
    """For the conversation's owner. It opens nothing from now on."""
    with platform.store.write() as c:
        share = shares.get(c, share_id)
        if conversations.get(c, share.conversation_id).member_id != caller.person().id:
            raise shares.missing()
        shares.revoke(c, share.id, platform.clock_ms())


@post(
    "/shared",
    status_code=200,
    **describe(
        "readShared", "Read a conversation by its link", TAG, people=True, errors=(404, 413)
    ),
)
def read_shared(
    platform: GivenPlatform, caller: GivenCaller, data: JSONBody[ShareToken]
) -> ConversationView:
    """For anybody who is signed in. It cannot be followed nor answered; `feed` is empty. Whoever is
    not in its project sees what was quoted, and no way into its documents and tables.
    """
    with platform.store.read() as c:
        share = shares.find(c, platform.pepper, data.token)
        found = conversations.get(c, share.conversation_id)
        branch = messages.branch(c, found.id, share.message_id)
    if found.project_id not in caller.project_ids:
        branch = [without_ways_in(message) for message in branch]
    return _shown(found, branch, is_mine=found.member_id == caller.person().id)


def _shown(found: Conversation, branch: list[Message], *, is_mine: bool) -> ConversationView:
    bare = msgspec.structs.replace(
        found,
        instructions=None,
        parameters=Parameters(),
        library_ids=None,
        assistant_id=None,
        pinned_at_ms=None,
        archived_at_ms=None,
        shown_message_id=branch[-1].id if branch else None,
    )
    views = [
        msgspec.structs.replace(message_view(each), receipt=None, rating=None, rating_reason=None)
        for each in branch
    ]
    return conversation_view(bare, views, is_mine=is_mine, is_running=False, feed="")


def _fields(share: Share) -> dict[str, Any]:
    return {
        "id": share.id,
        "message_id": share.message_id,
        "created_at": time_name(share.created_at_ms),
    }
