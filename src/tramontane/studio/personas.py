"""What the assistant of a conversation adds to it, whether shipped, one's own or the project's."""

from sqlalchemy import Connection

from tramontane.assistant import library
from tramontane.assistant.access import Reader
from tramontane.assistant.orders import Persona
from tramontane.errors import NotFound
from tramontane.store.conversations import Conversation


def persona_of(c: Connection, assistant_id: str, reader: Reader) -> Persona:
    """Return that assistant's instructions, parameters, tools and libraries. Raises NotFound."""
    found = library.find(
        c,
        assistant_id,
        member_id=reader.member_id,
        project_ids=reader.project_ids,
        language=reader.language,
    )
    return Persona(
        instructions=found.instructions,
        parameters=found.parameters,
        tools=found.tools,
        library_ids=found.library_ids,
    )


def persona_in(c: Connection, conversation: Conversation, reader: Reader) -> Persona:
    """Return what the assistant of `conversation` adds; where it is gone, no tools are left."""
    if conversation.assistant_id is None:
        return Persona()
    try:
        return persona_of(c, conversation.assistant_id, reader)
    except NotFound:
        return Persona(tools=())
