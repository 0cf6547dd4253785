"""Server-Sent Events: from bytes to events, whatever the reads' borders (WHATWG HTML §9.2.6)."""

import re

EVENT_BYTES_MAX = 16 * 1024 * 1024
_BORDER = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n|\r\n\n")
_SILENT = frozenset((b"", b"event", b"id", b"retry"))
_LINE = re.compile(rb"\r\n|\n|\r")


class EventTooLarge(ValueError):
    """One event exceeds EVENT_BYTES_MAX."""


class EventSplitter:
    """Cuts a byte stream into events, each with its blank line.

    Every byte is looked at once (and the last three of a read again), however small the reads.
    """

    __slots__ = ("_pieces", "_size", "_tail")

    def __init__(self, begun: bytes = b"") -> None:
        self._pieces = [begun] if begun else []
        self._size = len(begun)
        self._tail = begun[-3:]

    @property
    def pending(self) -> bytes:
        """The bytes of an event that has begun and not ended."""
        return b"".join(self._pieces)

    def feed(self, data: bytes) -> list[bytes]:
        """Return the events that `data` completes; EventTooLarge past the cap."""
        if not self._size and data.find(b"\n\n") == len(data) - 2 >= 0 and b"\r" not in data:
            return [data] if data else []  # by far the most: one event in one read
        self._pieces.append(data)
        self._size += len(data)
        window = self._tail + data
        if _BORDER.search(window) is None:
            if self._size > EVENT_BYTES_MAX:
                raise EventTooLarge("one event of the stream is too large")
            self._tail = window[-3:]
            return []
        buffer = b"".join(self._pieces)
        events = []
        at = 0
        for border in _BORDER.finditer(buffer):
            events.append(buffer[at : border.end()])
            at = border.end()
        rest = buffer[at:]
        self._pieces = [rest] if rest else []
        self._size = len(rest)
        self._tail = rest[-3:]
        return events


def is_silent(event: bytes) -> bool:
    """Whether `event`, which has no data, is nothing but comments and fields of the standard."""
    names = {line.partition(b":")[0] for line in _LINE.split(event)}
    return names <= _SILENT


def data_of(event: bytes) -> bytes | None:
    """Return the data of `event`, its lines joined; None for a comment or an event without data."""
    if event.startswith(b"data: ") and event.find(b"\n") >= len(event) - 2:
        return event[6:].strip()
    if event.startswith(b"event: ") and b"\r" not in event:
        at = event.find(b"\n")
        if event.startswith(b"\ndata: ", at) and event.find(b"\n", at + 1) >= len(event) - 2:
            return event[at + 7 :].strip()
    lines = []
    for line in _LINE.split(event):
        name, _, value = line.partition(b":")
        if name == b"data":
            lines.append(value[1:] if value.startswith(b" ") else value)
    return b"\n".join(lines).strip() if lines else None
