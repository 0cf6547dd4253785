"""The body of an answer on its way to the client, and what the bill needs of it.

`StreamRelay` passes a stream on byte for byte until the finish reason or usage comes by; from
there each event is read as JSON, an injected usage event is taken out, and the event that ends
the answer is forwarded only after `settle` has returned. What it passes on does not depend on
where reads begin and end. `Gathered` collects a stream for a client that asked for none. Neither
knows connections, permits or prices.
"""

from collections.abc import Callable
from typing import Protocol

from tramontane.errors import UpstreamFailed
from tramontane.money import Usage
from tramontane.wire.openai import aggregate, events
from tramontane.wire.openai.chunks import Chunks
from tramontane.wire.sse import EventSplitter, EventTooLarge, data_of, is_silent

PARTIAL_BYTES = 4_096
CHECKPOINT_STEP = 64
TOKEN_BYTES = 4
_TEXTS = (b'content":"', b'"text":"')  # of chat, and of completions
# What a JSON string may hold that neither ends it nor escapes anything.
_PLAIN = bytes(code for code in range(0x20, 0x100) if code not in b'"\\\x7f')


class Sink(Protocol):
    """Where a stream goes: the client's connection."""

    def write_chunks(self, framed: bytes, payload: bytes) -> None: ...
    def write_payload(self, payload: bytes) -> None: ...


class Progress:
    """What has come so far: events (a token each, or several), usage, finished choices.

    `text_bytes` are those of the events that were looked into as they passed. `final_usage` came
    when every choice had finished; one before that may only count what had come by then.
    """

    __slots__ = (
        "checkpoint_due", "choices", "events", "final_usage", "finished", "gathered_bytes",
        "is_done", "service_tier", "text_bytes", "usage",
    )  # fmt: skip

    def __init__(self, choices: int = 1) -> None:
        self.choices = choices
        self.events = 0
        self.usage: Usage | None = None
        self.final_usage: Usage | None = None
        self.service_tier: str | None = None
        self.finished: set[int] = set()
        self.is_done = False
        self.checkpoint_due = 0
        self.gathered_bytes = 0
        self.text_bytes = 0

    @property
    def tokens(self) -> int:
        """How many tokens came by our own count: one an event, or more where texts are long."""
        return max(self.events, self.text_bytes // TOKEN_BYTES)

    @property
    def is_complete(self) -> bool:
        """Whether the answer has ended, with or without `[DONE]`."""
        return self.is_done or len(self.finished) >= self.choices

    def take(self, event: events.Event) -> None:
        """Note what one event says. Raises UpstreamFailed where it is no JSON."""
        if not event.is_valid:
            raise UpstreamFailed("The upstream sent an event that is not valid JSON.")
        if event.finished:
            self.finished.update(event.finished)
        if event.service_tier is not None:
            self.service_tier = event.service_tier
        if event.usage is not None:
            self.usage = event.usage
            if self.is_complete:
                self.final_usage = event.usage


class StreamRelay:
    """Passes one stream on, whole events only. `begin` is called before the first bytes go out,
    `settle` once before the last.
    """

    __slots__ = (
        "_after", "_before", "_begin", "_checkpoint", "_drops_usage", "_partial",
        "_settle", "_sink", "_splitter", "progress",
    )  # fmt: skip

    def __init__(
        self,
        begin: Callable[[], Sink],
        *,
        choices: int,
        drops_usage: bool,
        checkpoint: Callable[[int], None],
        settle: Callable[[Progress], None],
    ) -> None:
        self._begin = begin
        self._sink: Sink | None = None
        self._drops_usage = drops_usage
        self._checkpoint = checkpoint
        self._settle = settle
        self._partial = b""
        self._before = b"\0"  # what came around the text of the last event: see `_learn`
        self._after = b"\0"
        self._splitter: EventSplitter | None = None
        self.progress = Progress(choices)

    def feed(self, payload: bytes, framed: bytes | None) -> None:
        """Pass on what came; raises UpstreamFailed where the stream is broken.

        `framed`: the same bytes in their chunks, to be passed on untouched.
        """
        progress = self.progress
        if self._splitter is not None:
            if not progress.is_done:  # nothing after the end is forwarded
                self._read(payload)
            return
        seen = self._partial + payload if self._partial else payload
        ended = self._count_familiar(seen)
        if not ended:
            ended = seen.count(b"\n\n")
            if _may_count(seen, ended):
                self._splitter = EventSplitter(self._partial)
                self._read(payload)
                return
            if ended == 1:
                self._learn(seen)
        progress.events += ended
        due = progress.checkpoint_due
        if progress.events > due or progress.text_bytes > due * TOKEN_BYTES:
            self._advance()
        if seen[-2:] != b"\n\n":
            self._pass_whole(seen, ended)
            return
        sink = self._sink or self._open()
        if framed is not None and seen is payload:
            sink.write_chunks(framed, payload)
        else:
            self._partial = b""
            sink.write_payload(seen)

    def _count_familiar(self, seen: bytes) -> int:
        """Return how many events `seen` is, each the last one with another text; 0 if it is not."""
        before, after = self._before, self._after
        if not (seen.startswith(before) and seen.endswith(after)):
            return 0
        text = seen[len(before) : -len(after)]
        if not text.strip(_PLAIN) and len(seen) >= len(before) + len(after):
            self.progress.text_bytes += len(text)
            return 1
        pieces = seen.split(after)
        pieces.pop()  # empty: `seen` ends so
        for piece in pieces:
            if not piece.startswith(before) or piece[len(before) :].strip(_PLAIN):
                return 0
        around = len(pieces) * (len(before) + len(after))
        self.progress.text_bytes += len(seen) - around
        return len(pieces)

    def _learn(self, seen: bytes) -> None:
        """Remember what is around the text of one event, which said nothing that counts.

        The next mostly differs by that text alone. If the text is plain, it is still one string
        of the same JSON, so nothing else of that event has to be looked at.
        """
        start = next((at + len(t) for t in _TEXTS if (at := seen.find(t)) >= 0), -1)
        end = seen.find(b'"', start)
        if start < 0 or end < 0 or seen[start:end].strip(_PLAIN):
            return
        if seen.endswith(b"}\n\n"):
            self._before, self._after = seen[:start], seen[end:]

    def _pass_whole(self, seen: bytes, ended: int) -> None:
        """Keep an event that has not ended: whatever fails next, the client has whole events."""
        border = seen.rfind(b"\n\n") + 2 if ended else 0
        self._partial = seen[border:]
        if len(self._partial) > PARTIAL_BYTES:
            self._splitter = EventSplitter(self._partial)
        if border:
            (self._sink or self._open()).write_payload(seen[:border])

    def _open(self) -> Sink:
        self._sink = self._begin()
        return self._sink

    def _advance(self) -> None:
        progress = self.progress
        progress.checkpoint_due = progress.tokens + CHECKPOINT_STEP
        self._checkpoint(progress.checkpoint_due)

    def _read(self, payload: bytes) -> None:
        assert self._splitter is not None
        try:
            whole = self._splitter.feed(payload)
        except EventTooLarge as error:
            raise UpstreamFailed(f"The upstream broke its protocol: {error}.") from None
        out: list[bytes] = []
        try:
            for event in whole:
                out.append(self._take(event))
                if self.progress.is_done:
                    self._settle(self.progress)
                    break
        finally:  # what came whole before a broken event is forwarded all the same
            if self.progress.tokens > self.progress.checkpoint_due:
                self._advance()
            joined = b"".join(out)
            if joined:
                (self._sink or self._open()).write_payload(joined)

    def _take(self, event: bytes) -> bytes:
        """Note what `event` says; return what of it is forwarded."""
        data = data_of(event)
        if data is None:
            if not is_silent(event):
                raise UpstreamFailed("The upstream sent an event that is malformed.")
            return event
        progress = self.progress
        if data == events.DONE:
            progress.is_done = True
            return event
        said = events.read_event(data)
        progress.take(said)
        if said.is_error:
            raise UpstreamFailed("The upstream ended its stream with an error.")
        if said.is_usage_only and self._drops_usage:
            return b""
        progress.events += 1
        return event

    def end(self) -> None:
        """The upstream's body has ended. Raises UpstreamFailed where the answer has not."""
        progress = self.progress
        if progress.is_done:
            return
        if self._splitter is not None and self._splitter.pending.strip():
            self._read(b"\n\n")
        if progress.is_done:
            return
        if not progress.is_complete:
            raise UpstreamFailed("The upstream's stream ended before its answer did.")
        progress.is_done = True
        self._settle(progress)
        (self._sink or self._open()).write_payload(b"data: [DONE]\n\n")


def _may_count(seen: bytes, ended: int) -> bool:
    """Whether anything but text may be in `seen`, in which `ended` events end: look closer then."""
    return (
        seen.count(b"finish_reason") != seen.count(b'finish_reason":null')
        or seen.count(b'usage"') != seen.count(b'usage":null')
        or seen.count(b"}\n\n") != ended  # a comment, or an event cut short
        or b"[DONE]" in seen
        or b'"error"' in seen
        or b"\r" in seen
    )


class Gathered:
    """Collects a stream into one answer for a client that asked for none."""

    __slots__ = ("_aggregate", "_checkpoint", "_chunks", "_limit_bytes", "_splitter", "progress")

    def __init__(self, checkpoint: Callable[[int], None], limit_bytes: int, chunks: Chunks) -> None:
        self._chunks = chunks
        self._splitter = EventSplitter()
        self._aggregate = aggregate.Aggregate()
        self._checkpoint = checkpoint
        self._limit_bytes = limit_bytes
        self.progress = Progress()

    def feed(self, payload: bytes, framed: bytes | None) -> None:
        """Take in what came; raises UpstreamFailed where the stream is broken."""
        progress = self.progress
        progress.gathered_bytes += len(payload)
        if progress.gathered_bytes > self._limit_bytes:
            raise UpstreamFailed("The upstream's answer is too large.")
        for event in self._splitter.feed(payload):
            data_of_event = data_of(event)
            if data_of_event is None or progress.is_done:
                continue
            if data_of_event == events.DONE:
                progress.is_done = True
                continue
            said = events.read_event(data_of_event)
            progress.take(said)
            if said.is_error:
                raise UpstreamFailed("The upstream ended its stream with an error.")
            progress.events += 1
            try:
                chunk = self._chunks.render(data_of_event)
                if chunk:
                    self._aggregate.add(chunk)
            except aggregate.Malformed as error:
                raise UpstreamFailed("The upstream sent a malformed event.") from error
        if progress.events > progress.checkpoint_due:
            progress.checkpoint_due = progress.events + CHECKPOINT_STEP
            self._checkpoint(progress.checkpoint_due)

    def end(self) -> None:
        """The upstream's body has ended. Raises UpstreamFailed where the answer has not."""
        if not self.progress.is_complete:
            raise UpstreamFailed("The upstream's stream ended before its answer did.")

    def result(self) -> bytes:
        """Return the whole answer's JSON."""
        return self._aggregate.result()
