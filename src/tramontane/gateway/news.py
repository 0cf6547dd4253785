"""What the supervisor writes to a gateway's stdin, a JSON line each."""

import msgspec

from tramontane.config import Settings
from tramontane.store.records import Opening, Picture


class Launch(msgspec.Struct, frozen=True):
    """The first line on stdin."""

    settings: Settings
    listen_fd: int
    studio_socket: str
    opening: Opening
    picture: Picture


class News(msgspec.Struct, frozen=True, omit_defaults=True):
    """A further line. Each means that the store was reached just now."""

    picture: Picture | None = None
    parts: dict[str, str] | None = None
