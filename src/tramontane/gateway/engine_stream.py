"""An engine's stream on its way to the client: read event by event, rendered as OpenAI spells it.

The other of the two ways of a stream; `relay.StreamRelay` passes a provider's on as it came. It
does not know connections, permits or prices.
"""

from collections.abc import Callable

from tramontane.errors import UpstreamFailed
from tramontane.gateway.relay import CHECKPOINT_STEP, Progress, Sink
from tramontane.wire.openai import events
from tramontane.wire.openai.aggregate import Malformed
from tramontane.wire.openai.chunks import Chunks
from tramontane.wire.sse import EventSplitter, EventTooLarge, data_of

DONE = b"data: [DONE]\n\n"


class EngineStream:
    """Renders one stream. `begin` is called before the first bytes go out, `settle` before the
    last.
    """

    __slots__ = (
        "_begin", "_checkpoint", "_chunks", "_drops_usage", "_settle", "_sink", "_splitter",
        "progress",
    )  # fmt: skip

    def __init__(
        self,
        begin: Callable[[], Sink],
        chunks: Chunks,
        *,
        drops_usage: bool,
        checkpoint: Callable[[int], None],
        settle: Callable[[Progress], None],
    ) -> None:
        self._begin = begin
        self._chunks = chunks
        self._drops_usage = drops_usage
        self._checkpoint = checkpoint
        self._settle = settle
        self._sink: Sink | None = None
        self._splitter = EventSplitter()
        self.progress = Progress()

    def feed(self, payload: bytes, framed: bytes | None) -> None:
        """Render what came; raises UpstreamFailed where the stream is broken."""
        progress = self.progress
        out: list[bytes] = []
        try:
            for event in self._splitter.feed(payload):
                if not progress.is_done:
                    self._take(event, out)
        except (EventTooLarge, Malformed) as error:
            raise UpstreamFailed(f"The engine broke its protocol: {error}.") from None
        finally:  # what came whole before a broken event is forwarded all the same
            if progress.events > progress.checkpoint_due:
                progress.checkpoint_due = progress.events + CHECKPOINT_STEP
                self._checkpoint(progress.checkpoint_due)
            if out:
                self._write(b"".join(out))

    def _take(self, event: bytes, out: list[bytes]) -> None:
        data = data_of(event)
        if data is None:
            return
        if data == events.DONE:
            self._finish(out)
            return
        said = events.read_event(data)
        progress = self.progress
        progress.take(said)
        if said.is_error:
            raise UpstreamFailed("The engine ended its stream with an error.")
        progress.events += 1
        if said.is_usage_only and self._drops_usage:
            return
        chunk = self._chunks.render(data)
        if chunk:
            out.append(b"data: " + chunk + b"\n\n")

    def _finish(self, out: list[bytes]) -> None:
        self.progress.is_done = True
        self._settle(self.progress)
        out.append(DONE)

    def end(self) -> None:
        """The engine's body has ended. Raises UpstreamFailed where the answer has not."""
        if self.progress.is_done:
            return
        if not self.progress.is_complete:
            raise UpstreamFailed("The engine's stream ended before its answer did.")
        out: list[bytes] = []
        self._finish(out)
        self._write(out[0])

    def _write(self, payload: bytes) -> None:
        if self._sink is None:
            self._sink = self._begin()
        self._sink.write_payload(payload)
