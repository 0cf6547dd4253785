"""What the assistant of a conversation adds to it, whether shipped, one's own or the project's."""

from sqlalchemy import Connection

from tramontane.assistant.access import Reader
from tramontane.assistant.orders import Persona
from tramontane.errors import NotFound


def persona_of(c: Connection, assistant_id: str, reader: Reader) -> Persona:
    """Return that assistant's instructions, parameters and tools. Raises NotFound."""
    raise NotFound("there is no such assistant", param="assistant_id")
