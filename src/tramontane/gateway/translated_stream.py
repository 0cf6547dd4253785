"""Streams of providers that are read piece by piece: translated for the client, or passed on.

They know what the bill needs and when a stream is whole, and nothing of connections or permits.
"""

from collections.abc import Callable, Iterable, Sequence

from tramontane.errors import TramontaneError, UpstreamFailed
from tramontane.gateway.relay import CHECKPOINT_STEP, Progress, Sink
from tramontane.wire.canonical import (
    Answer,
    Began,
    Broken,
    CallPiece,
    Counted,
    Ended,
    Finished,
    Piece,
    TextPiece,
    ThinkingPiece,
)
from tramontane.wire.collecting import Collector
from tramontane.wire.dialect import StreamReader, StreamWriter
from tramontane.wire.sse import EventSplitter, EventTooLarge


class TranslatedStream:
    """A provider's stream on its way to a client of another dialect.

    `begin` is called before the first bytes go out, `checkpoint` as tokens come, `settle` once
    before the last bytes; `began` completes the stream's first piece.
    """

    __slots__ = (
        "_began", "_begin", "_checkpoint", "_reader", "_settle", "_sink", "_writer", "progress",
    )  # fmt: skip

    def __init__(
        self,
        begin: Callable[[], Sink],
        reader: StreamReader,
        writer: StreamWriter,
        *,
        began: Callable[[Began], Began],
        choices: int,
        checkpoint: Callable[[int], None],
        settle: Callable[[Progress], None],
    ) -> None:
        self._begin = begin
        self._began = began
        self._reader = reader
        self._writer = writer
        self._checkpoint = checkpoint
        self._settle = settle
        self._sink: Sink | None = None
        self.progress = Progress(choices)

    def feed(self, payload: bytes, framed: bytes | None) -> None:
        """Translate what came; raises UpstreamFailed where the stream is broken."""
        if self.progress.is_done:  # nothing after the end is forwarded
            return
        try:
            pieces = self._reader.feed(payload)
        except TramontaneError as error:
            self._broken(error)
        else:
            if pieces:
                self._pass(pieces)

    def end(self) -> None:
        """The upstream's body has ended. Raises UpstreamFailed where the answer has not."""
        if self.progress.is_done:
            return
        try:
            pieces = self._reader.end()
        except TramontaneError as error:
            self._broken(error)
        else:
            if pieces:
                self._pass(pieces)
            if not self.progress.is_done:
                raise UpstreamFailed("The upstream's stream ended before its answer did.")

    def _broken(self, error: TramontaneError) -> None:
        """Forward what came whole before, then fail."""
        left = [piece for piece in self._reader.left if type(piece) is not Ended]
        if left:
            self._pass(left)
        if isinstance(error, Broken):
            raise UpstreamFailed(error.message) from None
        raise error

    def _pass(self, pieces: list[Piece]) -> None:
        progress = self.progress
        if type(pieces[0]) is Began:
            pieces[0] = self._began(pieces[0])
        advance(progress, pieces, self._checkpoint)
        payload = self._writer.write(pieces)
        if progress.is_done:
            self._settle(progress)
        if payload:
            if self._sink is None:
                self._sink = self._begin()
            self._sink.write_payload(payload)


class CollectedStream(TranslatedStream):
    """An engine's stream for a client that wants a whole answer, which `write` renders."""

    __slots__ = ("_collector", "_write")

    def __init__(
        self,
        reader: StreamReader,
        write: Callable[[Answer], bytes],
        *,
        began: Callable[[Began], Began],
        checkpoint: Callable[[int], None],
    ) -> None:
        self._collector = Collector()
        self._write = write
        super().__init__(
            _nowhere,
            reader,
            self._collector,
            began=began,
            choices=1,
            checkpoint=checkpoint,
            settle=lambda progress: None,  # once it is whole
        )

    def result(self) -> bytes:
        """Return the whole answer's body."""
        return self._write(self._collector.answer())


def _nowhere() -> Sink:
    raise AssertionError("what is collected is not sent on")


class PassedStream:
    """A provider's stream on its way to a client of the same dialect: whole events as they came,
    each read before it goes. `end` is the dialect's last event, should the provider leave it out.
    """

    __slots__ = (
        "_begin", "_checkpoint", "_end", "_reader", "_settle", "_sink", "_splitter", "progress",
    )  # fmt: skip

    def __init__(
        self,
        begin: Callable[[], Sink],
        reader: StreamReader,
        end: bytes,
        *,
        choices: int,
        checkpoint: Callable[[int], None],
        settle: Callable[[Progress], None],
    ) -> None:
        self._begin = begin
        self._reader = reader
        self._end = end
        self._checkpoint = checkpoint
        self._settle = settle
        self._sink: Sink | None = None
        self._splitter = EventSplitter()
        self.progress = Progress(choices)

    def feed(self, payload: bytes, framed: bytes | None) -> None:
        """Pass on what came; raises UpstreamFailed where the stream is broken."""
        progress = self.progress
        if progress.is_done:
            return
        out: list[bytes] = []
        try:
            for event in self._splitter.feed(payload):
                advance(progress, self._reader.feed(event), self._checkpoint)
                if progress.is_done:
                    self._settle(progress)  # else the end does not go out either
                out.append(event)
                if progress.is_done:
                    break
        except (Broken, EventTooLarge) as error:
            raise UpstreamFailed(str(error)) from None
        finally:  # what came whole before a broken event is forwarded all the same
            self._write(b"".join(out))

    def end(self) -> None:
        """The upstream's body has ended. Raises UpstreamFailed where the answer has not."""
        progress = self.progress
        if not progress.is_done and self._splitter.pending.strip():
            self.feed(b"\n\n", None)  # an event that only lacks its blank line
        if progress.is_done:
            return
        try:
            pieces = self._reader.end()
        except Broken as error:
            raise UpstreamFailed(error.message) from None
        advance(progress, pieces, self._checkpoint)
        if not progress.is_done:
            raise UpstreamFailed("The upstream's stream ended before its answer did.")
        self._settle(progress)
        self._write(self._end)

    def _write(self, payload: bytes) -> None:
        if payload:
            if self._sink is None:
                self._sink = self._begin()
            self._sink.write_payload(payload)


class TranslatedSink:
    """Where an engine's stream goes whose client speaks another dialect."""

    __slots__ = ("_reader", "_sink", "_writer")

    def __init__(self, sink: Sink, reader: StreamReader, writer: StreamWriter) -> None:
        self._sink = sink
        self._reader = reader
        self._writer = writer

    def write_chunks(self, framed: bytes, payload: bytes) -> None:
        """Pass on what was in chunks."""
        self.write_payload(payload)

    def write_payload(self, payload: bytes) -> None:
        """Pass on what the engine's stream says."""
        written = self._writer.write(self._reader.feed(payload))
        if written:
            self._sink.write_payload(written)


def advance(progress: Progress, pieces: Sequence[Piece], checkpoint: Callable[[int], None]) -> None:
    """Note `pieces` before they go out. Raises UpstreamFailed for an end without an answer."""
    note(progress, pieces)
    if progress.is_done and not progress.finished:
        progress.is_done = False
        raise UpstreamFailed("The upstream's stream ended before its answer did.")
    if progress.tokens > progress.checkpoint_due:
        progress.checkpoint_due = progress.tokens + CHECKPOINT_STEP
        checkpoint(progress.checkpoint_due)


def note(progress: Progress, pieces: Iterable[Piece]) -> None:
    """Note in `progress` what the bill needs of `pieces`."""
    for piece in pieces:
        kind = type(piece)
        if kind is TextPiece or kind is ThinkingPiece:
            progress.events += 1
            progress.text_bytes += len(piece.text)  # type: ignore[union-attr]
        elif kind is CallPiece:
            progress.events += 1
            progress.text_bytes += len(piece.arguments)  # type: ignore[union-attr]
        elif isinstance(piece, Finished):
            progress.finished.add(piece.choice)
        elif isinstance(piece, Counted):
            _count(progress, piece)
        elif isinstance(piece, Began):
            if piece.usage is not None:
                progress.usage = piece.usage
        elif isinstance(piece, Ended):
            progress.is_done = True
            break


def _count(progress: Progress, piece: Counted) -> None:
    progress.usage = piece.usage
    progress.service_tier = piece.service_tier
    if progress.is_complete:
        progress.final_usage = piece.usage
