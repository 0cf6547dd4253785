"""A response as the exact writes it will be: what, how far apart, and how the connection ends.

`Draft` is the response before HTTP framing, `Plan` after it; `faults` changes either. Pure: it
does not know sockets or time.
"""

from typing import Literal

from tramontane.providers.standin.encoding import DONE, Events

Ending = Literal["keep", "close", "reset", "hang"]
Framing = Literal["length", "chunked", "close"]

LAST_CHUNK = b"0\r\n\r\n"
REASONS = {
    200: b"OK",
    302: b"Found",
    400: b"Bad Request",
    401: b"Unauthorized",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    413: b"Content Too Large",
    429: b"Too Many Requests",
    500: b"Internal Server Error",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
}


class Draft:
    """A response before framing. `parts` are the events of a stream, or one body.

    `length_error` is added to the content length announced, `preamble` stands before the head.
    `done` is the part that ends a stream in its dialect, `error` what stands in its place where it
    fails (for a body that is no stream: the same without framing).
    """

    __slots__ = (
        "done",
        "ending",
        "error",
        "fields",
        "framing",
        "is_stream",
        "last_chunk",
        "length_error",
        "parts",
        "preamble",
        "status",
        "tokens",
        "usage_part",
    )

    def __init__(self, status: int, parts: list[bytes], tokens: list[int]) -> None:
        self.status = status
        self.parts = parts
        self.tokens = tokens
        self.usage_part = -1
        self.is_stream = False
        self.fields = [b"content-type: application/json"]
        self.framing: Framing = "length"
        self.length_error = 0
        self.last_chunk = LAST_CHUNK
        self.preamble = b""
        self.ending: Ending = "keep"
        self.done = DONE
        self.error: bytes | None = None

    @classmethod
    def of_events(cls, events: Events) -> "Draft":
        """Return the draft of a stream."""
        draft = cls(200, events.events, events.tokens)
        draft.usage_part = events.usage_event
        draft.is_stream = True
        draft.fields = [
            b"content-type: text/event-stream; charset=utf-8\r\ncache-control: no-cache"
        ]
        draft.framing = "chunked"
        return draft


class Plan:
    """The writes of a response; `tokens` says how many each carries, `usage_write` which is billed.

    The first write waits `first_delay_s`, each other `interval_s` after the one before it.
    `is_stale` closes the connection when the next request arrives on it; `is_spoilt` says that
    something of the answer is missing.
    """

    __slots__ = (
        "ending",
        "first_delay_s",
        "interval_s",
        "is_spoilt",
        "is_stale",
        "is_stream",
        "status",
        "tokens",
        "usage_write",
        "writes",
    )

    def __init__(self, status: int, writes: list[bytes], tokens: list[int]) -> None:
        self.status = status
        self.writes = writes
        self.tokens = tokens
        self.usage_write = -1
        self.first_delay_s = 0.0
        self.interval_s = 0.0
        self.ending: Ending = "keep"
        self.is_spoilt = False
        self.is_stale = False
        self.is_stream = False

    def cut(self, count: int, ending: Ending) -> None:
        """Keep the head and `count` parts (bytes of the body, where it is no stream)."""
        if self.is_stream:
            count = max(0, count if count >= 0 else len(self.writes) - 1 + count)
            del self.writes[1 + count :], self.tokens[1 + count :]
        else:
            kept = b"".join(self.writes[1:])[:count]
            self.writes[1:] = [kept] if kept else []
            self.tokens = [0] * len(self.writes)
        self.spoil(ending)

    def spoil(self, ending: Ending) -> None:
        """Notice that writes were taken away, perhaps the one with the usage."""
        if self.usage_write >= len(self.writes):
            self.usage_write = -1
        self.is_spoilt = True
        self.ending = ending


def head(draft: Draft, body_bytes: int) -> bytes:
    """Return the response head of `draft`, whose body has `body_bytes` bytes."""
    lines = [b"HTTP/1.1 %d %b" % (draft.status, REASONS.get(draft.status, b"Status"))]
    lines += draft.fields
    if draft.framing == "length":
        lines.append(b"content-length: %d" % max(0, body_bytes + draft.length_error))
    elif draft.framing == "chunked":
        lines.append(b"transfer-encoding: chunked")
    if draft.ending == "close":
        lines.append(b"connection: close")
    return draft.preamble + b"\r\n".join(lines) + b"\r\n\r\n"


def framed(draft: Draft) -> Plan:
    """Return `draft` as writes: the head, each part in its framing, the last chunk with the last.

    Equal parts share one write.
    """
    parts = draft.parts
    if draft.framing == "chunked":
        known: dict[bytes, bytes] = {}
        writes = [b""]
        for part in parts:
            write = known.get(part)
            if write is None:
                write = known[part] = b"%x\r\n%b\r\n" % (len(part), part)
            writes.append(write)
        writes[-1] += draft.last_chunk
        writes[0] = head(draft, 0)
    else:
        if draft.framing == "close":
            draft.ending = "close"
        writes = [head(draft, sum(map(len, parts))), *parts]
    plan = Plan(draft.status, writes, [0, *draft.tokens])
    plan.usage_write = draft.usage_part + 1 if draft.usage_part >= 0 else -1
    plan.ending = draft.ending
    plan.is_stream = draft.is_stream
    return plan


def gather(plan: Plan, events_per_write: int) -> None:
    """Join the head with the first part, and `events_per_write` parts to a write."""
    writes, counts = plan.writes, plan.tokens
    if len(writes) > 1:
        writes[0:2] = [writes[0] + writes[1]]
        counts[0:2] = [counts[0] + counts[1]]
        plan.usage_write -= plan.usage_write > 0
    if events_per_write > 1:
        size = events_per_write
        spans = range(0, len(writes), size)
        plan.writes = [b"".join(writes[i : i + size]) for i in spans]
        plan.tokens = [sum(counts[i : i + size]) for i in spans]
        if plan.usage_write >= 0:
            plan.usage_write //= size
