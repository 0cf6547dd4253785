"""A conversation as of one event of its feed, so that who reads it and then follows misses
nothing and sees nothing twice.

It does not know who may read: that is asked through `check`.
"""

import asyncio
from collections.abc import Callable

import msgspec
from sqlalchemy import Connection

from tramontane.assistant.answering import Answering
from tramontane.assistant.feed import Missed
from tramontane.assistant.views import MessageView, message_view
from tramontane.errors import NotFound, Unavailable
from tramontane.store import messages
from tramontane.store.conversations import Conversation
from tramontane.store.database import Store
from tramontane.store.messages import Message

_TRIES = 5
_VIEW = msgspec.json.Decoder(MessageView).decode


class Reading(msgspec.Struct, frozen=True):
    """The conversation, its messages in order, and the number of the last event in them."""

    conversation: Conversation
    messages: list[MessageView]
    number: int


async def read(
    store: Store,
    answering: Answering,
    conversation_id: str,
    check: Callable[[Connection], Conversation],
) -> Reading:
    """Return the conversation with all its messages. Raises what `check` raises, Unavailable.

    The store is read on a thread meanwhile; what was told since then is put over what it said.
    """

    def from_store() -> tuple[Conversation, list[Message]]:
        with store.read() as c:
            return check(c), messages.list_all(c, conversation_id)

    for _ in range(_TRIES):
        ring = answering.feed.ring(conversation_id)
        ring.followers += 1  # so that nobody drops it while the store is read
        begun, is_there = ring.last, True
        try:
            conversation, stored = await asyncio.to_thread(from_store)
            now = {message.id: message_view(message) for message in stored}
            for event in ring.since(begun):
                if event.name == "message":
                    told = _VIEW(event.own)
                    now[told.id] = told
        except Missed:
            continue
        except NotFound:
            is_there = False
            raise
        finally:
            ring.followers -= 1
            if not is_there:
                answering.feed.discard(conversation_id)
        for live in answering.running_in(conversation_id):
            now[live.message.id] = message_view(live.snapshot())
        return Reading(conversation, list(now.values()), ring.last)
    raise Unavailable("Too much is happening in this conversation.", retry_after_s=1)
