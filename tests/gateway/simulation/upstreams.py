"""Simulated engines and providers: each answers by a plan drawn from the seed, and keeps count.

A `Served` is the upstream's own record of one request: what it was asked, what it answered, what
that used, and from which byte on whoever reads it knows that the answer is whole. It does not know
the gateway's bill: `oracle` compares the two.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.gateway.simulation.clockwork import Clockwork
from tests.gateway.simulation.network import End
from tramontane.money import Usage

TAG = re.compile(rb"tag-(\d+)\.")
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_REQUEST_ID = re.compile(rb"x-request-id: (\S+)", re.IGNORECASE)
WORDS = (
    "the", " mistral", " blows", " from", " north", "é", " 日本", '"', "\\", "\n\n", "[DONE]",
    "usage", 'usage":', " finish_reason", "", "data: [DONE]\n\n",
    " a-much-longer-piece-of-text-than-others",
)  # fmt: skip
FAULTS = (
    "die_unread", "die", "die", "reset", "stall", "stall_silent", "status", "status", "framing",
    "error_event", "junk_event", "type", "garbage_head",
)  # fmt: skip
POISON = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 57\r\n\r\n"
    b'{"choices":[],"usage":{"prompt_tokens":1,"poison":"yes"}}'
)
STATUSES = (400, 401, 429, 429, 500, 503, 302, 204)


@dataclass(eq=False)
class Served:
    """One request as the upstream saw it, and what it did about it."""

    deployment: str
    tag: int
    request_id: str
    is_stream: bool
    max_tokens: int | None
    at_s: float
    life: int
    ours: End  # the gateway's end of the connection
    start: int  # bytes that the gateway had been sent before on this connection
    fault: str = ""
    status: int = 200
    usage: Usage | None = None
    texts: list[str] = field(default_factory=list)
    payload: bytes = b""  # of the body, up to and with its end
    usage_event: bytes = b""
    has_done: bool = False
    end_offset: int | None = None  # bytes of the answer after which it is known to be whole
    needs_eof: bool = False
    ends_with_connection: bool = False
    finish_offset: int | None = None  # after which every choice has finished

    @property
    def delivered_bytes(self) -> int:
        """How much of the answer the gateway has read and dealt with."""
        return self.ours.delivered_bytes - self.start

    @property
    def has_arrived(self) -> bool:
        """Whether the end of the answer, a good one, has reached the gateway."""
        return (
            self.end_offset is not None
            and self.delivered_bytes >= self.end_offset
            and (not self.needs_eof or (self.ours.got_eof and self.ours.was_told))
        )


class Upstream:
    """One deployment's servers. `trouble` is how often something goes wrong."""

    def __init__(
        self,
        name: str,
        clockwork: Clockwork,
        random: Random,
        *,
        is_engine: bool,
        gives_usage: str,
        life: Callable[[], int],
        log: Callable[[str], None],
    ) -> None:
        self.name = name
        self.clockwork = clockwork
        self.random = random
        self.is_engine = is_engine
        self.gives_usage = gives_usage  # "ask", "always" or "never", as the deployment says
        self.life = life
        self.log = log
        self.served: list[Served] = []
        self.trouble = random.choice((0.0, 0.1, 0.3, 0.7))
        self.faults = random.sample(FAULTS, random.randint(1, len(FAULTS)))
        self.pace_s = random.choice((0.0, 0.002, 0.02, 0.1))
        self.first_s = random.choice((0.0, 0.01, 0.3))
        self.most_events = random.choice((3, 12, 12, 40, 150))
        self.keeps = random.choice((1.0, 1.0, 0.7, 0.0))
        self.poisons = random.choice((0.0, 0.0, 0.0, 0.3))

    def accept(self, end: End) -> "UpstreamPeer":
        """Return who serves a new connection."""
        return UpstreamPeer(self, end)


class UpstreamPeer:
    """One connection, as the upstream's server sees it."""

    def __init__(self, upstream: Upstream, end: End) -> None:
        self.upstream = upstream
        self.end = end
        self.received = b""
        self.is_open = True
        self.is_busy = False

    # --- the protocol --------------------------------------------------------------------------

    def connection_made(self, transport: Any) -> None:
        pass

    def pause_writing(self) -> None:
        pass

    def resume_writing(self) -> None:
        pass

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self.is_open = False

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, found, rest = self.received.partition(b"\r\n\r\n")
        if not found:
            return
        length = _LENGTH.search(head)
        size = int(length[1]) if length is not None else 0
        if len(rest) < size:
            return
        assert len(rest) == size, "the gateway sent more than it said"
        assert not self.is_busy, "the gateway sent a second request into an answer"
        self.received = b""
        self.serve(head, rest)

    # --- answering -----------------------------------------------------------------------------

    def serve(self, head: bytes, body: bytes) -> None:
        upstream, random = self.upstream, self.upstream.random
        asked = json.loads(body)
        tag = TAG.search(body)
        request_id = _REQUEST_ID.search(head)
        assert tag is not None and request_id is not None
        served = Served(
            upstream.name,
            int(tag[1]),
            request_id[1].decode(),
            asked.get("stream") is True,
            asked.get("max_tokens"),
            upstream.clockwork.now_s,
            upstream.life(),
            self.end.other,
            self.end.written_bytes,
        )
        upstream.served.append(served)
        if random.random() < upstream.trouble:
            served.fault = random.choice(upstream.faults)
        upstream.log(f"{upstream.name} serves tag {served.tag}, fault: {served.fault or 'none'}")
        if served.fault == "die_unread":
            self._die(random.choice((self.end.close, self.end.reset)))
            return
        if served.fault == "stall_silent":
            if random.random() < 0.5:
                self.end.stall()
            return
        self.is_busy = True
        wire = Answer(upstream, served, asked).wire()
        pieces = self._pieces(wire)
        if self._may_poison(served) and random.random() < upstream.poisons:
            pieces[-1] += POISON  # an answer to nobody, for whoever takes it for the next one
        at_s = upstream.first_s * random.random()
        for piece in pieces:
            at_s += upstream.pace_s * random.random()
            upstream.clockwork.after(at_s, self._write, piece)
        upstream.clockwork.after(at_s, self._written, served)

    def _may_poison(self, served: Served) -> bool:
        """Whether what follows an answer arrives with its end: later it would be the next one."""
        link = self.end.link
        is_read_whole = not link.cuts and not link.tiny_reads and link.inbox_bytes > 100_000
        return is_read_whole and not served.fault and not served.ends_with_connection

    def _pieces(self, wire: bytes) -> list[bytes]:
        random = self.upstream.random
        if self.upstream.pace_s == 0.0:
            return [wire]
        places = sorted(random.randint(0, len(wire)) for _ in range(random.choice((0, 2, 12, 40))))
        return [
            wire[start:end]
            for start, end in zip([0, *places], [*places, len(wire)], strict=True)
            if start < end
        ]

    def _write(self, piece: bytes) -> None:
        if self.is_open and not self.end.is_closing():
            self.end.write(piece)

    def _written(self, served: Served) -> None:
        self.is_busy = False
        if not self.is_open or self.end.is_closing():
            return
        random, end = self.upstream.random, self.end
        if served.fault == "reset":
            self._die(end.reset)
        elif served.fault == "stall":
            if random.random() < 0.5:
                end.stall()
        elif served.fault == "die" or served.ends_with_connection:
            self._die(end.close)
        elif random.random() >= self.upstream.keeps:
            self.upstream.clockwork.after(random.choice((0, 0.01, 0.4)), self._close_idle)

    def _close_idle(self) -> None:
        """A server closes what it has kept, perhaps just as the next request is under way."""
        if self.is_open and not self.is_busy and not self.end.is_closing():
            if self.upstream.random.random() < 0.1:
                self.end.write(b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")
            self.end.close()

    def _die(self, how: Callable[[], None]) -> None:
        self.upstream.log(f"{self.upstream.name} closes")
        how()


class Answer:
    """Draws one answer and writes it down as bytes; notes in `served` what it means."""

    def __init__(self, upstream: Upstream, served: Served, asked: dict[str, Any]) -> None:
        self.upstream = upstream
        self.random = upstream.random
        self.served = served
        self.asked = asked
        self.choices = asked.get("n") or 1
        self.framing = self.random.choice(("chunked", "chunked", "length", "eof"))
        self.finish_bytes = 0  # of a stream's payload, until every choice has finished

    def wire(self) -> bytes:
        """Return the answer's bytes, as many as are to be sent."""
        served, random = self.served, self.random
        if served.fault == "status":
            return self._refusal()
        if served.fault == "error_event" and not served.is_stream:
            served.fault = ""
        if served.is_stream:
            payloads = self._stream()
        else:
            payloads = [self._whole()]
        kind = b"text/event-stream" if served.is_stream else b"application/json"
        if served.fault == "type":
            kind = b"text/html"
        ends_at: int | None
        wire, ends_at = self._framed(payloads, kind)
        if served.fault in ("die", "reset", "stall"):
            cut = random.randrange(len(wire))
            if random.random() < 0.3:  # near the end, where it matters most
                cut = len(wire) - random.randint(1, min(len(wire), 300))
            if cut < (ends_at or 0) or served.needs_eof:
                ends_at = None
            wire = wire[:cut]
        elif served.fault in ("framing", "error_event", "junk_event", "type", "garbage_head"):
            ends_at = None
        served.end_offset = ends_at
        return wire

    def _refusal(self) -> bytes:
        served, random = self.served, self.random
        served.status = random.choice(STATUSES)
        body = b'{"error":{"message":"no, tag-%d.","type":"x","code":"y"}}' % served.tag
        if served.status == 204:
            body = b""
        retry = b"retry-after: 1\r\n" if random.random() < 0.5 else b""
        head = b"HTTP/1.1 %d No\r\ncontent-type: application/json\r\n" % served.status
        return head + b"%bcontent-length: %d\r\n\r\n%b" % (retry, len(body), body)

    # --- what it says ----------------------------------------------------------------------------

    def _draw_usage(self, tokens: int) -> Usage:
        random = self.random
        prompt = random.randint(1, 60)
        if random.random() < 0.03:  # more than anybody could have foreseen
            tokens += random.choice((1_000, 10**7))
        return Usage(prompt, tokens, random.choice((0, 0, random.randint(0, prompt))))

    def _whole(self) -> bytes:
        served, random = self.served, self.random
        text = "".join(random.choice(WORDS) for _ in range(random.randrange(20)))
        served.texts = [text]
        answer: dict[str, Any] = {
            "id": "c-1",
            "object": "chat.completion",
            "choices": [
                {"index": i, "message": {"role": "assistant", "content": text},
                 "finish_reason": "stop"}
                for i in range(self.choices)
            ],
        }  # fmt: skip
        if random.random() < 0.9:
            served.usage = self._draw_usage(random.randrange(40))
            answer["usage"] = usage_json(served.usage)
        body = json.dumps(answer).encode()
        served.payload = body
        return body[: len(body) // 2] if served.fault == "junk_event" else body

    def _stream(self) -> list[bytes]:
        served, random = self.served, self.random
        wants = bool((self.asked.get("stream_options") or {}).get("include_usage"))
        gives = {"ask": wants, "always": True, "never": random.random() < 0.3}[
            self.upstream.gives_usage
        ]
        form = random.choice(("event", "event", "finish", "every")) if gives else "none"
        if self.upstream.is_engine or wants:
            form = "event"
        if gives and random.random() < 0.05:
            form = "none"
        self.choices = 1 if self.upstream.is_engine else self.choices
        shows_null = form != "none" and random.random() < 0.5
        end = random.choice((b"\n\n", b"\n\n", b"\n\n", b"\r\n\r\n"))
        count = random.randint(0, self.upstream.most_events)
        prompt_usage = self._draw_usage(count + self.choices)

        def event(choices: list[Any], usage: Usage | None) -> bytes:
            said: dict[str, Any] = {"id": "c-1", "object": "chat.completion.chunk", "created": 1}
            said |= {"model": "m", "choices": choices}
            if usage is not None or shows_null:
                said["usage"] = None if usage is None else usage_json(usage)
            text = json.dumps(said, separators=(",", ":"), ensure_ascii=count % 2 == 0)
            return b"data: " + text.encode() + end

        def running(done: int) -> Usage | None:
            return Usage(prompt_usage.prompt_tokens, done) if form == "every" else None

        events = []
        for i in range(count):
            text = random.choice(WORDS) if random.random() < 0.3 else "tok"
            served.texts.append(text)
            choice = {"index": i % self.choices, "delta": {"content": text}, "finish_reason": None}
            events.append(event([choice], running(i)))
            if random.random() < 0.02:
                events.append(b": ping\n\n")
        for i in range(self.choices):
            is_last = i == self.choices - 1
            said = prompt_usage if is_last and form in ("finish", "every") else running(count)
            choice = {"index": i, "delta": {}, "finish_reason": "stop"}
            events.append(event([choice], said))
        # An event that the end of its body cut off is read where only its blank line is missing.
        self.finish_bytes = sum(map(len, events)) - len(end)
        served.usage = prompt_usage if form != "none" else None
        if form == "event":
            served.usage_event = event([], prompt_usage)
            events.append(served.usage_event)
        return self._spoilt(events, end)

    def _spoilt(self, events: list[bytes], end: bytes) -> list[bytes]:
        """Add the end, and what is wrong."""
        served, random = self.served, self.random
        at = random.randrange(len(events) + 1)
        if served.fault == "error_event":
            events.insert(at, b'data: {"error":{"message":"overloaded"}}' + end)
        elif served.fault == "junk_event":
            junk = random.choice((b"data: {", b"data: <html>", b"nonsense", b"data: \xff\xfe"))
            events.insert(at, junk + end)
        served.has_done = random.random() < 0.85
        if served.has_done:
            events.append(b"data: [DONE]" + end)
        served.payload = b"".join(events)
        if served.has_done and random.random() < 0.1:
            events.append(random.choice((b"data: [DONE]\n\n", b": bye\n\n", b"data: {\n\n")))
        return events

    # --- how it is framed ------------------------------------------------------------------------

    def _framed(self, payloads: list[bytes], kind: bytes) -> tuple[bytes, int]:
        served, random = self.served, self.random
        head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\n" % kind
        if served.fault == "garbage_head":
            head = random.choice(
                (b"HTTP/2 200\r\n", b"\x16\x03\x01", b"HTTP/1.1 200 OK\r\na b\r\n")
            )
        elif random.random() < 0.1:
            head = b"HTTP/1.1 100 Continue\r\n\r\n" + head
        if random.random() < 0.1:
            head += b"connection: close\r\n"
        if random.random() < 0.5:
            grouped = b"".join(payloads)
            payloads = [grouped] if random.random() < 0.5 else payloads
        body = b""
        places: list[tuple[int, int, int]] = []  # of each payload: in all payloads, in the body
        sent = 0
        for payload in filter(None, payloads):
            body += b"%x\r\n" % len(payload) if self.framing == "chunked" else b""
            places.append((sent, len(body), len(payload)))
            sent += len(payload)
            body += payload + (b"\r\n" if self.framing == "chunked" else b"")
        known_at = _place(places, len(served.payload)) if served.has_done else None
        finish_at = _place(places, self.finish_bytes)
        if self.framing == "chunked":
            body += b"0\r\n\r\n"
            head += b"transfer-encoding: chunked\r\n\r\n"
        elif self.framing == "length":
            head += b"content-length: %d\r\n\r\n" % len(body)
        else:
            head += b"\r\n"
            served.ends_with_connection = True
            served.needs_eof = known_at is None
        if served.fault == "framing":
            at = random.randrange(len(body))
            body = body[:at] + b"\r\nzz\r\n" + body[at:]
        served.finish_offset = len(head) + finish_at
        return head + body, len(head) + (len(body) if known_at is None else known_at)


def _place(places: list[tuple[int, int, int]], count: int) -> int:
    """Return where in the body the first `count` bytes of the payloads have passed."""
    for start, at, size in places:
        if start < count <= start + size:
            return at + count - start
    return 0


def usage_json(usage: Usage) -> dict[str, Any]:
    """Return `usage` as OpenAI spells it."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


class Studio:
    """The studio's side of what is passed on to it."""

    def __init__(self, clockwork: Clockwork, random: Random) -> None:
        self.clockwork = clockwork
        self.random = random
        self.trouble = random.choice((0.0, 0.3))
        self.hurries = random.choice((0.0, 0.3))  # answers before it has the body

    def accept(self, end: End) -> "StudioPeer":
        """Return who serves a new connection."""
        return StudioPeer(self, end)


class StudioPeer:
    """Answers each request with its own target; sometimes dies or hangs instead."""

    def __init__(self, studio: Studio, end: End) -> None:
        self.studio = studio
        self.end = end
        self.received = b""
        self.has_hurried = False

    def connection_made(self, transport: Any) -> None:
        pass

    def pause_writing(self) -> None:
        pass

    def resume_writing(self) -> None:
        pass

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        pass

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, found, rest = self.received.partition(b"\r\n\r\n")
        random = self.studio.random
        if not found or self.has_hurried:
            return
        if b"transfer-encoding" in head:
            is_whole = rest.endswith(b"0\r\n\r\n")
        else:
            length = _LENGTH.search(head)
            is_whole = len(rest) >= (int(length[1]) if length is not None else 0)
        if not is_whole and random.random() >= self.studio.hurries:
            return
        self.has_hurried = not is_whole
        self.received = b""
        target = head.split(b" ")[1]
        if random.random() < 0.5:
            wire = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(target), target)
        else:
            wire = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
            wire += b"%x\r\n%b\r\n0\r\n\r\n" % (len(target), target)
        if random.random() < self.studio.trouble / 5:
            return  # it hangs
        dies = random.random() < self.studio.trouble
        if dies:
            wire = wire[: random.randrange(len(wire))]
        self.studio.clockwork.after(0.1 * random.random(), self._write, wire, dies)

    def _write(self, wire: bytes, dies: bool) -> None:
        if not self.end.is_closing():
            self.end.write(wire)
            if dies:
                self.end.close()
