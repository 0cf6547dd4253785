"""Simulated clients: what they ask, how they send and read it, when they lose patience.

Each keeps what it was answered, for `oracle` to judge. A client's own parser is httptools' (the
gateway parses no answers of its own making). It knows nothing of what the gateway does.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import httptools

from tests.gateway.simulation.clockwork import Clockwork
from tests.gateway.simulation.network import End

MODELS = ("asks", "always", "never", "engine", "chain", "chain", "asks", "always")
BROKEN = (
    b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\nno\r\n\r\n",
)  # fmt: skip
PATHS = (
    "/health",
    "/ready",
    "/v1/models",
    "/v1/models/asks",
    "/metrics",
    "/somewhere",
    "/api/v1/x",
)


@dataclass(eq=False)
class Asked:
    """One request, and what came back."""

    tag: int
    kind: str  # "chat", "path" or "broken"
    key: str
    model: str
    is_stream: bool
    wants_usage: bool
    request: bytes
    at_s: float = 0.0
    is_sent: bool = False
    status: int = 0
    fields: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    is_whole: bool = False  # the answer's framing has ended

    @property
    def request_id(self) -> str | None:
        """The gateway's id for it, where the answer told it."""
        return self.fields.get("x-request-id")


class Asker:
    """Draws requests. One for all clients of a schedule, so that tags are unique."""

    def __init__(self, random: Random, keys: list[str]) -> None:
        self.random = random
        self.keys = keys
        self.asked: list[Asked] = []
        self.odd = random.choice((0.0, 0.05, 0.3))  # how often a request is none for a model
        self.streams = random.choice((0.2, 0.7, 1.0))

    def draw(self, is_private: bool) -> Asked:
        """Return a new request, as the studio asks where it `is_private`."""
        tag = len(self.asked)
        if self.random.random() < self.odd:
            asked = self._odd(tag)
        else:
            asked = self._chat(tag, is_private)
        self.asked.append(asked)
        return asked

    def _chat(self, tag: int, is_private: bool) -> Asked:
        random = self.random
        is_stream = random.random() < self.streams
        model = random.choice(MODELS) if random.random() > 0.03 else "nothing-of-the-kind"
        long = random.choice((0, 0, 0, 300, 3_000))
        content = f"tag-{tag}. " + "x" * random.randint(0, long)
        body: dict[str, Any] = {
            "model": model,
            "messages": [{"role": "user", "content": content}],
        }
        wants_usage = False
        if is_stream:
            body["stream"] = True
            if random.random() < 0.4:
                wants_usage = random.random() < 0.8
                body["stream_options"] = {"include_usage": wants_usage}
        if random.random() < 0.7:
            body["max_tokens"] = random.choice((1, 30, 300, 300, 300, 2_000))
        if random.random() < (0.01 if model in ("engine", "chain") else 0.1):
            body["n"] = 2
        raw = json.dumps(body).encode()
        if random.random() < 0.02:
            raw = raw[:-1]
        key = random.choice(self.keys) if random.random() > 0.02 else "wrong"
        version = b"1.0" if random.random() < 0.03 else b"1.1"
        head = b"POST /v1/chat/completions HTTP/%b\r\nhost: x\r\n" % version
        if is_private:
            key_line = f"authorization: Bearer service\r\nx-tramontane-act-for: {key}\r\n"
        else:
            key_line = f"authorization: Bearer {key}\r\n"
        head += key_line.encode()
        if random.random() < 0.05:
            head += b"expect: 100-continue\r\n"
        if random.random() < 0.15 and version == b"1.1":
            request = head + b"transfer-encoding: chunked\r\n\r\n" + self._chunked(raw)
        else:
            request = head + b"content-length: %d\r\n\r\n" % len(raw) + raw
        return Asked(tag, "chat", key, model, is_stream, wants_usage, request)

    def _chunked(self, raw: bytes) -> bytes:
        at = self.random.randint(1, len(raw) - 1)
        pieces = (raw[:at], raw[at:])
        return b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"

    def _odd(self, tag: int) -> Asked:
        random = self.random
        key = random.choice(self.keys)
        if random.random() < 0.2:
            broken = random.choice(BROKEN)
            return Asked(tag, "broken", key, "", False, False, broken)
        path = random.choice(PATHS)
        method = random.choice(("GET", "GET", "GET", "POST"))
        body = b"x" * random.choice((0, 5, 900, 20_000)) if method == "POST" else b""
        head = f"{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n".encode()
        if len(body) > 1 and random.random() < 0.5:
            request = head + b"transfer-encoding: chunked\r\n\r\n" + self._chunked(body)
        else:
            request = head + b"content-length: %d\r\n\r\n" % len(body) + body
        return Asked(tag, "path", key, path, False, False, request)


class Client:
    """One connection: asks, reads, and leaves in its own way."""

    def __init__(
        self, number: int, asker: Asker, clockwork: Clockwork, random: Random,
        log: Callable[[str], None],
    ) -> None:  # fmt: skip
        self.number = number
        self.random = random
        self.clockwork = clockwork
        self.log = log
        self.is_private = random.random() < 0.2
        self.requests = [asker.draw(self.is_private) for _ in range(random.choice((1, 1, 2, 4)))]
        self.pipelines = random.random() < 0.2
        self.unsent = list(self.requests)
        self.open: list[Asked] = []  # asked, not wholly answered
        self.end: End | None = None
        self.is_over = False
        self.has_left = False
        self.parser: httptools.HttpResponseParser | None = None
        self.leaves = random.random() < 0.25
        self.reads_slowly = random.random() < 0.15
        self.stops_reading = random.random() < 0.04
        self.sends_slowly = self.is_slow = random.random() < 0.1

    @property
    def is_odd(self) -> bool:
        """Whether it may have itself to blame for a missing answer."""
        return self.leaves or self.reads_slowly or self.stops_reading or self.is_slow

    @property
    def is_finished(self) -> bool:
        """Whether it has left, or been left: who reads nothing is told nothing."""
        end = self.end
        if end is None or self.is_over:
            return self.is_over
        return end.other.is_lost and (end.link.is_stalled or self.stops_reading)

    # --- the protocol --------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        self.end = transport
        if self.leaves:
            after_s = self.random.choice((0.001, 0.05, 0.5, 2.0)) * self.random.random()
            self.clockwork.after(after_s, self._leave)
        if self.reads_slowly:
            self._read_slowly(self.random.randint(1, 6))
        elif self.stops_reading:
            self.clockwork.after(0.5 * self.random.random(), transport.pause_reading)
        self._ask()

    def pause_writing(self) -> None:
        pass

    def resume_writing(self) -> None:
        pass

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.is_over = True
        self.log(f"client {self.number}: connection lost, {error!r}")

    def data_received(self, data: bytes) -> None:
        try:
            while True:
                if self.parser is None:
                    self.parser = httptools.HttpResponseParser(self)
                self.parser.feed_data(data)
                return
        except httptools.HttpParserError as error:
            if self.open or self.is_over or not data.strip():
                raise AssertionError(f"the gateway's answer is no HTTP: {data!r}") from error
            raise AssertionError(f"the gateway said what nobody asked: {data!r}") from error

    # --- asking --------------------------------------------------------------------------------

    def _ask(self) -> None:
        if self.end is None or self.end.is_closing() or self.has_left:
            return
        if not self.unsent:
            if not self.open:
                self._done()
            return
        count = len(self.unsent) if self.pipelines else 1
        batch, self.unsent = self.unsent[:count], self.unsent[count:]
        data = b""
        for asked in batch:
            asked.at_s = self.clockwork.now_s
            self.open.append(asked)
            self.log(f"client {self.number}: asks tag {asked.tag} ({asked.kind} {asked.model})")
            data += asked.request
        self._send(data, batch)

    def _send(self, data: bytes, batch: list[Asked]) -> None:
        if self.end is None or self.end.is_closing() or self.has_left:
            return
        if self.sends_slowly and len(data) > 1:
            at = self.random.randint(1, len(data) - 1)
            self.end.write(data[:at])
            after_s = self.random.choice((0.01, 0.3, 3.0)) * self.random.random()
            self.sends_slowly = self.random.random() < 0.7
            self.clockwork.after(after_s, self._send, data[at:], batch)
            return
        self.end.write(data)
        for asked in batch:
            asked.is_sent = True

    def _done(self) -> None:
        """Nothing more to ask: close, or wait until the gateway does."""
        end = self.end
        assert end is not None
        if self.random.random() < 0.7:
            end.close()

    def _leave(self) -> None:
        end = self.end
        if end is None or end.is_closing():
            return
        how = self.random.choice((end.close, end.abort, end.reset, end.write_eof))
        self.log(f"client {self.number}: leaves by {how.__name__}")
        self.has_left = True
        how()

    def _read_slowly(self, times: int) -> None:
        end = self.end
        if end is None or end.is_closing():
            return
        if end.is_reading():
            end.pause_reading()
            wait_s = self.random.choice((0.01, 0.3, 3.0)) * self.random.random()
        else:
            end.resume_reading()
            wait_s = 0.1 * self.random.random()
            times -= 1
        if times > 0 or not end.is_reading():
            self.clockwork.after(wait_s, self._read_slowly, times)

    # --- the parser's callbacks ------------------------------------------------------------------

    def on_message_begin(self) -> None:
        assert self.open, "an answer that nobody waits for"

    def on_header(self, name: bytes, value: bytes) -> None:
        asked = self.open[0]
        asked.fields[name.decode().lower()] = value.decode()

    def on_headers_complete(self) -> None:
        assert self.parser is not None
        self.open[0].status = self.parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        self.open[0].body += data

    def on_message_complete(self) -> None:
        asked = self.open[0]
        if asked.status == 100:
            asked.status = 0
            asked.fields.clear()
            return
        asked.is_whole = True
        del self.open[0]
        self.log(f"client {self.number}: tag {asked.tag} is answered with {asked.status}")
        if not self.open:
            self.clockwork.after(self.random.choice((0, 0.01, 0.5)), self._ask)
