"""The gateway's access log, read back: what became of each request in a span of time.

One line of JSON for each request, without content (`logs/access.jsonl`, and the file before it). It
knows the log of this machine's gateway only. Lines that cannot be read are left out.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

DISORDER_MS = 3_600_000
"""Lines stand in the order in which requests ended: one may have begun so long before the next."""
_NEAR_BYTES = 65_536


class AccessLine(msgspec.Struct, frozen=True, gc=False):
    """One request that was answered or refused. `status` is 200, or its error's."""

    at_ms: int
    request_id: str
    model: str
    deployment: str
    status: int
    outcome: str
    prompt_tokens: int
    completion_tokens: int
    cost_nano: int
    first_token_ms: int
    total_ms: int

    @property
    def end_ms(self) -> int:
        """When it was over, in Unix milliseconds."""
        return self.at_ms + self.total_ms


_DECODE = msgspec.json.Decoder(AccessLine).decode


def read(log: Path, since_ms: int, until_ms: int) -> list[AccessLine]:
    """Return the requests that began from `since_ms` up to, not including, `until_ms`, in order.

    `log` is the newest file; the one before it is read too. None where there is no log.
    """
    found = [
        line
        for path in (log.with_suffix(".1.jsonl"), log)
        for line in _lines(path, since_ms)
        if since_ms <= line.at_ms < until_ms
    ]
    return sorted(found, key=lambda line: line.at_ms)


def _lines(path: Path, since_ms: int) -> Iterator[AccessLine]:
    """Yield the lines of `path`; those that ended long before `since_ms` may be left out."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        _seek(file, since_ms - DISORDER_MS)
        for text in file:
            line = _read(text)
            if line is not None:
                yield line


def _seek(file: BinaryIO, before_ms: int) -> None:
    """Go to the start of a line before which all lines began before `before_ms`, by bisection."""
    low, high = 0, file.seek(0, os.SEEK_END)
    while high - low > _NEAR_BYTES:
        middle = (low + high) // 2
        file.seek(middle)
        file.readline()  # it was begun before
        line = _read(file.readline())
        if line is not None and line.at_ms < before_ms:
            low = middle
        else:
            high = middle
    file.seek(low)
    if low:
        file.readline()


def _read(text: bytes) -> AccessLine | None:
    """Return what a line says; None where it is being written, or was cut by a full disk."""
    try:
        return _DECODE(text)
    except msgspec.DecodeError:
        return None
