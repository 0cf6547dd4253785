"""What the supervisor writes to a gateway's stdin, a gateway to its stdout: a JSON line each."""

from typing import Literal

import msgspec

from tramontane.config import Settings
from tramontane.store.records import Opening, Picture


class Launch(msgspec.Struct, frozen=True):
    """The first line on stdin.

    `gateway_socket` is the path of the private door, where the studio asks with `service_key`.
    """

    settings: Settings
    listen_fd: int
    studio_socket: str
    gateway_socket: str
    service_key: str
    opening: Opening
    picture: Picture


class News(msgspec.Struct, frozen=True, omit_defaults=True):
    """A further line. Each means that the store was reached just now."""

    picture: Picture | None = None
    parts: dict[str, str] | None = None


class Wish(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line of the gateway's: which engine may stop, or is wanted again.

    `nonce` names the child that may stop: another one of that deployment is not meant. Said twice
    it means the same as once.
    """

    kind: Literal["rest", "wake"]
    deployment: str
    nonce: str = ""
