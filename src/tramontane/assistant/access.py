"""Who may see and change a conversation: its owner, while a member of its project; the others of
the project may read it while it is shared with them.

What is not to be seen does not exist: nobody learns of a conversation by being refused.
"""

from collections.abc import Collection

import msgspec
from sqlalchemy import Connection

from tramontane.errors import Forbidden
from tramontane.store import conversations
from tramontane.store.conversations import Conversation, missing


class Reader(msgspec.Struct, frozen=True):
    """Who asks: a member, the projects that they belong to, and their language."""

    member_id: str
    project_ids: tuple[str, ...]
    language: str = "en"

    def owns(self, conversation: Conversation) -> bool:
        """Whether it is theirs."""
        return conversation.member_id == self.member_id


def may_read(conversation: Conversation, member_id: str, project_ids: Collection[str]) -> bool:
    """Whether that member may read it."""
    if conversation.project_id not in project_ids:
        return False
    return conversation.member_id == member_id or conversation.shared_at_ms is not None


def readable(c: Connection, conversation_id: str, reader: Reader) -> Conversation:
    """Return that conversation. Raises NotFound where `reader` may not know of it."""
    found = conversations.get(c, conversation_id)
    if not may_read(found, reader.member_id, reader.project_ids):
        raise missing()
    return found


def changeable(c: Connection, conversation_id: str, reader: Reader) -> Conversation:
    """Return that conversation, to be changed. Raises NotFound, Forbidden where only shared."""
    found = readable(c, conversation_id, reader)
    if not reader.owns(found):
        raise Forbidden(
            f"This conversation is {found.owner_name}'s, shared to be read only.", code="read_only"
        )
    return found
