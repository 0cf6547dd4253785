"""How deployments are by the gateway's account, which alone knows those served elsewhere.

What `/ready` tells everybody, asked over the private socket and kept for a moment. It does not know
how engines here are: the store does.
"""

import http.client
import socket
import time
from collections.abc import Callable, Mapping

import msgspec

KEPT_S = 1.0
TIMEOUT_S = 1.0


class _Ready(msgspec.Struct):
    models: dict[str, str] = {}


class GatewayStates:
    """The states by deployment; nothing while the gateway cannot be reached. For any thread."""

    def __init__(self, socket_path: str, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._socket_path = socket_path
        self._clock_s = clock_s
        self._known: tuple[float, Mapping[str, str]] | None = None

    def __call__(self) -> Mapping[str, str]:
        """Return the state of each deployment: `ready`, `failed`, `unprobed` and so on."""
        known, now_s = self._known, self._clock_s()
        if known is not None and now_s - known[0] < KEPT_S:
            return known[1]
        try:
            states = msgspec.json.decode(self._ask(), type=_Ready).models
        except (OSError, http.client.HTTPException, msgspec.DecodeError):
            states = {}
        self._known = (now_s, states)
        return states

    def _ask(self) -> bytes:
        connection = http.client.HTTPConnection("gateway")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection.sock:
            connection.sock.settimeout(TIMEOUT_S)
            connection.sock.connect(self._socket_path)
            connection.request("GET", "/ready")
            return connection.getresponse().read()
