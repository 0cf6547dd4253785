"""What a stand-in did, request by request: the other side of every bill.

Kept in memory and, where a file is named, appended to it at once: a line when an answer begins
and a line when it ends, so that a stand-in that was killed leaves what it had begun.
"""

import os
from collections import deque
from collections.abc import Callable
from typing import Literal

import msgspec

Ended = Literal["open", "complete", "client_left", "fault", "stopped"]


class Request(msgspec.Struct, kw_only=True):
    """One request and what was sent for it. Times are Unix milliseconds.

    `completion_tokens` are those written to the connection so far, `planned_tokens` those of the
    whole answer. `usage_sent` says whether the client was told the count.
    """

    id: str
    path: str
    model: str = ""
    request_id: str | None = None
    user: str | None = None
    metadata: dict[str, str] | None = None
    is_stream: bool = False
    status: int = 200
    prompt_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    completion_tokens: int = 0
    planned_tokens: int = 0
    usage_sent: bool = False
    client_left: bool = False
    ended: Ended = "open"
    request_bytes: int = 0
    response_bytes: int = 0
    started_at_ms: int = 0
    ended_at_ms: int = 0
    headers: dict[str, str] | None = None
    body: str | None = None


class Tally:
    """The requests seen, oldest first, at most `keep`; `dropped` counts those forgotten."""

    def __init__(self, keep: int, file: str | None = None, *, clock_ms: Callable[[], int]) -> None:
        self._requests: deque[Request] = deque(maxlen=keep)
        self._clock_ms = clock_ms
        self._descriptor = -1
        self.dropped = 0
        if file is not None:
            self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    @property
    def requests(self) -> list[Request]:
        """The requests that are kept, oldest first."""
        return list(self._requests)

    def begin(self, request: Request) -> None:
        """Keep `request`, which is about to be answered."""
        request.started_at_ms = self._clock_ms()
        self.dropped += len(self._requests) == self._requests.maxlen
        self._requests.append(request)
        if self._descriptor >= 0:
            self._append(request)

    def end(self, request: Request, ended: Ended) -> None:
        """Note how `request` ended; its counts say what was sent."""
        request.ended = ended
        request.client_left = ended == "client_left"
        request.ended_at_ms = self._clock_ms()
        if self._descriptor >= 0:
            self._append(request)

    def _append(self, request: Request) -> None:
        os.write(self._descriptor, msgspec.json.encode(request) + b"\n")

    def reset(self) -> None:
        """Forget every request; the file keeps its lines."""
        self._requests.clear()
        self.dropped = 0

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def read_file(path: str) -> dict[str, Request]:
    """Return the last state of each request in an append-only file, by the stand-in's id."""
    with open(path, "rb") as lines:
        found = (msgspec.json.decode(line, type=Request) for line in lines if line.endswith(b"\n"))
        return {request.id: request for request in found}
