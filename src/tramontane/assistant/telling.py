"""What followers are told: the events of the feed, by name, with what each says.

`message`: a whole message, new or with another status. `delta`: text to append to a part; `part`:
a new part, or one in place of what it was. `queued`: the place in line. `conversation`: a summary.
`deleted`: it is gone, for whoever is told.
"""

import msgspec

from tramontane.assistant.feed import Audience, Feed, Ring
from tramontane.assistant.views import Summary, message_view, summary
from tramontane.store.conversations import Conversation
from tramontane.store.messages import Message, Part


class Delta(msgspec.Struct, frozen=True):
    """Text to append to that part."""

    message_id: str
    part: int
    text: str


class NewPart(msgspec.Struct, frozen=True):
    """What that part is from now on."""

    message_id: str
    part: int
    value: Part


class Waiting(msgspec.Struct, frozen=True):
    """The place in line, 1 being next, and how long that may take."""

    message_id: str
    position: int
    eta_s: float


class Deleted(msgspec.Struct, frozen=True):
    """A conversation that is gone."""

    id: str


def message(feed: Feed, told: Message) -> None:
    """Tell of a message that was made or has another status."""
    feed.tell(feed.ring(told.conversation_id), "message", message_view(told))


def delta(feed: Feed, ring: Ring, message_id: str, part: int, text: str) -> None:
    """Tell of text that came."""
    feed.tell(ring, "delta", Delta(message_id, part, text))


def part(feed: Feed, ring: Ring, message_id: str, at: int, value: Part) -> None:
    """Tell of a part that begins, or is another now."""
    feed.tell(ring, "part", NewPart(message_id, at, value))


def queued(feed: Feed, ring: Ring, message_id: str, position: int, eta_s: float) -> None:
    """Tell of the place in line."""
    feed.tell(ring, "queued", Waiting(message_id, position, eta_s))


def conversation(feed: Feed, told: Conversation, *, is_running: bool) -> None:
    """Tell of a conversation that was made or changed: those who read it, and the lists."""
    own = summary(told, is_mine=True, is_running=is_running)
    others = msgspec.structs.replace(own, is_mine=False)
    _tell_both(feed, told, "conversation", own, others)


def unshared(feed: Feed, told: Conversation) -> None:
    """Tell the others of the project that it is no longer theirs to see."""
    audience = Audience(told.member_id, told.project_id, is_for_owner=False)
    feed.tell(feed.lists, "deleted", Deleted(told.id), audience=audience)


def deleted(feed: Feed, told: Conversation) -> None:
    """Tell of the end of a conversation."""
    _tell_both(feed, told, "deleted", Deleted(told.id), None)
    feed.drop(told.id)


def _tell_both(
    feed: Feed, told: Conversation, name: str, own: Summary | Deleted, others: Summary | None
) -> None:
    feed.tell(feed.ring(told.id), name, own, others)
    if told.is_temporary:
        return  # it is in no list
    project_id = told.project_id if told.shared_at_ms is not None else None
    feed.tell(feed.lists, name, own, others, Audience(told.member_id, project_id))
