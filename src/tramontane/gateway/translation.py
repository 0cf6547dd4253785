"""The way between two dialects: a request written for a provider, its answer read and written anew.

The other way is to splice, where client and provider speak the same (`relay`). It does not know
connections, permits or prices.
"""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from tramontane.errors import InvalidRequest, TramontaneError, UpstreamFailed
from tramontane.gateway.directory import Deployment
from tramontane.gateway.relay import CHECKPOINT_STEP, Progress, Sink
from tramontane.wire import upstreams
from tramontane.wire.canonical import (
    Began,
    Broken,
    CallPiece,
    Counted,
    Ended,
    Finished,
    Piece,
    Said,
    TextPiece,
    ThinkingPiece,
)
from tramontane.wire.dialect import Asked, Client, StreamReader, StreamWriter, Upstream, Written
from tramontane.wire.openai.intent import Intent, read_chat

ENGINE = "engine"


def intent_of(asked: Asked) -> Intent:
    """Return what the gateway must know of a request that another dialect has read."""
    request = asked.request
    return Intent(
        asked.fields,
        request.model,
        request.stream,
        request.include_usage,
        request.max_tokens,
        request.choices * max(1, len(request.inputs)),
        asked.images,
        asked.prompt_bytes,
        request.operation,
    )


def without_prompt(asked: Asked) -> Asked:
    """Return what an answer has to know of `asked`."""
    request = msgspec.structs.replace(asked.request, messages=(), inputs=())
    return msgspec.structs.replace(asked, request=request, fields={})


class Translation:
    """One attempt at one deployment. `dropped`: what was left out of the request, by name."""

    __slots__ = ("_asked", "_drops", "client", "dropped", "upstream")

    def __init__(
        self, client: Client, asked: Asked, deployment: Deployment, *, drops: bool
    ) -> None:
        dialect = ENGINE if deployment.is_local else deployment.dialect
        upstream = upstreams.find(dialect, asked.request.operation)
        if upstream is None:
            raise InvalidRequest(
                f"The model '{asked.request.model}' is not served for {asked.request.operation}.",
                code="unsupported_operation",
                param="model",
            )
        self.client = client
        self.upstream: Upstream = upstream
        self.dropped: tuple[str, ...] = ()
        self._asked = asked
        self._drops = drops or deployment.drops_unsupported

    def written(self, deployment: Deployment, limit: int | None) -> Written:
        """Return the request for `deployment`. Raises InvalidRequest for what it cannot say."""
        request = self._asked.request
        if limit is not None:
            request = msgspec.structs.replace(request, max_tokens=limit)
        model = msgspec.json.decode(deployment.upstream_model, type=str)
        written = self.upstream.write(request, model=model, drops=self._drops)
        self.dropped = written.dropped
        return written

    def engine_intent(self, deployment: Deployment) -> Intent:
        """Return the request as an engine here takes it."""
        return read_chat(self.written(deployment, None).body)

    def forget_prompt(self) -> None:
        """No other attempt follows: a long answer holds no request."""
        self._asked = without_prompt(self._asked)

    def writer(self) -> StreamWriter:
        """Return the writer of a stream to the client."""
        return self.client.writer(self._asked)

    def read_error(self, body: bytes) -> Said:
        """Return what the provider's refusal says; nothing where it has another form."""
        try:
            return self.upstream.read_error(body)
        except Broken:
            return Said()

    def whole(self, body: bytes) -> tuple[bytes, Progress]:
        """Return a provider's whole answer for the client, and what it says of usage."""
        progress = Progress()
        try:
            answer = self.upstream.read(body)
        except Broken as error:
            raise UpstreamFailed(error.message) from None
        progress.usage = progress.final_usage = answer.usage
        progress.events = len(body) // 4  # should the provider not have counted
        return self.client.write(answer, self._asked), progress


class TranslatedStream:
    """A provider's stream on its way to a client of another dialect. `begin` is called before the
    first bytes go out, `settle` once before the last.
    """

    __slots__ = ("_begin", "_checkpoint", "_reader", "_settle", "_sink", "_writer", "progress")

    def __init__(
        self,
        begin: Callable[[], Sink],
        reader: StreamReader,
        writer: StreamWriter,
        *,
        choices: int,
        checkpoint: Callable[[int], None],
        settle: Callable[[Progress], None],
    ) -> None:
        self._begin = begin
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

    def _pass(self, pieces: Sequence[Piece]) -> None:
        progress = self.progress
        note(progress, pieces)
        if progress.is_done and not progress.finished:
            progress.is_done = False
            raise UpstreamFailed("The upstream's stream ended before its answer did.")
        if progress.tokens > progress.checkpoint_due:
            progress.checkpoint_due = progress.tokens + CHECKPOINT_STEP
            self._checkpoint(progress.checkpoint_due)
        payload = self._writer.write(pieces)
        if progress.is_done:
            self._settle(progress)
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
    if progress.is_complete:
        progress.final_usage = piece.usage
