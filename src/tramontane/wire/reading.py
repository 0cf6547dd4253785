"""Event streams of providers read into pieces: what every dialect over Server-Sent Events shares.

It knows framing and where a broken stream broke, not what an event says.
"""

from collections.abc import Sequence

from tramontane.errors import TramontaneError
from tramontane.wire.canonical import Broken, Piece
from tramontane.wire.sse import EventSplitter, EventTooLarge, data_of, is_silent


class EventReader:
    """A `StreamReader` over events; a dialect says in `take` what one means.

    Bytes after `is_done` are ignored. `left`: see `StreamReader`.
    """

    def __init__(self) -> None:
        self._splitter = EventSplitter()
        self.is_done = False
        self.left: Sequence[Piece] = ()

    def take(self, data: bytes, event: bytes, out: list[Piece]) -> None:
        """Add to `out` what one event says; `data` is its data. Raises Broken, UpstreamFailed."""
        raise NotImplementedError

    def finish(self, out: list[Piece]) -> None:
        """The body has ended without the dialect's own end: add `Ended` if the answer is whole."""
        raise Broken("The upstream's stream ended before its answer did.")

    def feed(self, payload: bytes) -> list[Piece]:
        """Return the pieces that are whole now."""
        out: list[Piece] = []
        if self.is_done:
            return out
        try:
            for event in self._splitter.feed(payload):
                self._take(event, out)
                if self.is_done:
                    break
        except EventTooLarge as error:
            self.left = out
            raise Broken(f"The upstream broke its protocol: {error}.") from None
        except TramontaneError:
            self.left = out
            raise
        return out

    def end(self) -> list[Piece]:
        """Return what was due at the body's end."""
        out: list[Piece] = []
        try:
            if not self.is_done and self._splitter.pending.strip():
                out += self.feed(b"\n\n")  # an event that only lacks its blank line
            if not self.is_done:
                self.finish(out)
                self.is_done = True
        except TramontaneError:
            self.left = [*out, *self.left]
            raise
        return out

    def _take(self, event: bytes, out: list[Piece]) -> None:
        data = data_of(event)
        if data is not None:
            self.take(data, event, out)
        elif not is_silent(event):
            raise Broken("The upstream sent an event that is malformed.")
