"""The gateway's access log, read back: what became of each request in a span of time.

One line of JSON for each request, without content (`logs/access.jsonl`, and the file before it). It
knows the log of this machine's gateway only. Lines that cannot be read are left out.
"""

from collections.abc import Iterator
from pathlib import Path

import msgspec


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
        for line in _lines(path)
        if since_ms <= line.at_ms < until_ms
    ]
    return sorted(found, key=lambda line: line.at_ms)


def _lines(path: Path) -> Iterator[AccessLine]:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        for text in file:
            try:
                yield _DECODE(text)
            except msgspec.DecodeError:
                continue  # a line that is being written, or was cut by a full disk
