"""How busy deployments are by the gateway's account: what passes through it, only it knows.

Asked over the private socket, by whoever may open it. It does not know how engines are.
"""

import http.client
import socket
from collections.abc import Mapping

import msgspec

TIMEOUT_S = 1.0


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment's, as `gateway.account` tells it."""

    in_flight: int = 0
    waiting: int = 0
    places: int = 0
    eta_s: float | None = None
    tokens_per_s: float | None = None
    requests_last_minute: int = 0
    last_used_ms: int | None = None


def loads(socket_path: str) -> Mapping[str, Load] | None:
    """Return the load of each deployment that was ever asked; None: the gateway says nothing."""
    connection = http.client.HTTPConnection("gateway")
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection.sock:
            connection.sock.settimeout(TIMEOUT_S)
            connection.sock.connect(socket_path)
            connection.request("GET", "/loads")
            return msgspec.json.decode(connection.getresponse().read(), type=dict[str, Load])
    except (OSError, http.client.HTTPException, msgspec.DecodeError, msgspec.ValidationError):
        return None
