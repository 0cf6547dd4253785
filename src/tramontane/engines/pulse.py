"""Tells whether an engine's child is alive, or hangs.

It asks over HTTP as any client could. It does not know processes, nor what to do about a hang.
"""

import asyncio
from collections.abc import Callable

import msgspec

# Every loaded engine can answer it: that there is no such answer under way.
_CONTROL = b'{"id":"none","action":"reasoning_end"}'


class PulsePatience(msgspec.Struct, frozen=True, kw_only=True):
    """When a child counts as hung: seconds for one probe, probes failed in a row, standstill."""

    probe_s: float = 10.0
    probes_failed: int = 3
    stall_s: float = 300.0  # a step of a large prefill on a slow machine takes minutes


class Pulse:
    """Finds a hung child by two questions.

    `/health` is answered by the server's front, so it must be quick, or else fail several times in
    a row. The other is answered by the loop that computes, between two steps, so it may take long.
    """

    def __init__(
        self, address: str, key: str, patience: PulsePatience, clock_s: Callable[[], float]
    ) -> None:
        self._address = address
        head = f" HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {key}\r\n"
        head += "Connection: close\r\n"
        self._health = f"GET /health{head}\r\n".encode()
        self._control = (
            f"POST /v1/chat/completions/control{head}Content-Type: application/json\r\n"
            f"Content-Length: {len(_CONTROL)}\r\n\r\n"
        ).encode() + _CONTROL
        self._patience = patience
        self._clock_s = clock_s
        self._failed = 0
        self._asked_s = 0.0
        self._beat: asyncio.Task[int | None] | None = None

    async def check(self) -> str:
        """Ask both; return why the child counts as hung, empty where it does not."""
        patience = self._patience
        status = await _ask(self._address, self._health, patience.probe_s)
        self._failed = 0 if status == 200 else self._failed + 1
        if self._failed >= patience.probes_failed:
            return f"the engine did not answer {self._failed} times and was ended"
        if self._beat is None or self._beat.done():
            self._asked_s = self._clock_s()
            self._beat = asyncio.create_task(
                _ask(self._address, self._control, 2 * patience.stall_s)
            )
        elif self._clock_s() - self._asked_s > patience.stall_s:
            return f"the engine stood still for {patience.stall_s:.0f} s and was ended"
        return ""

    def close(self) -> None:
        """Ask no more."""
        if self._beat is not None:
            self._beat.cancel()


async def _ask(address: str, request: bytes, timeout_s: float) -> int | None:
    """Return the status of the answer; None where there was none in time."""
    host, _, port = address.rpartition(":")
    writer = None
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(request)
            line = await reader.readline()
            await reader.read()
            return int(line.split()[1])
    except (OSError, TimeoutError, ValueError, IndexError):
        return None
    finally:
        if writer is not None:
            writer.close()
