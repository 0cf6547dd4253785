"""The pieces of a stream put together again, for a client that wants a whole answer."""

from collections.abc import Sequence

from tramontane.errors import TramontaneError
from tramontane.money import Usage
from tramontane.wire.canonical import (
    Answer,
    Began,
    Choice,
    Counted,
    Finished,
    Piece,
    Reason,
    Text,
    TextPiece,
)


class Collector:
    """A `StreamWriter` that writes nothing and keeps texts: for completions, which have no calls
    and no thoughts.
    """

    def __init__(self) -> None:
        self._began = Began("", "")
        self._texts: dict[int, list[str]] = {}
        self._reasons: dict[int, Reason] = {}
        self._usage: Usage | None = None

    def write(self, pieces: Sequence[Piece]) -> bytes:
        """Keep what `pieces` say; there is nothing to send yet."""
        for piece in pieces:
            if isinstance(piece, TextPiece):
                self._texts.setdefault(piece.choice, []).append(piece.text)
            elif isinstance(piece, Began):
                self._began = piece
            elif isinstance(piece, Finished):
                self._texts.setdefault(piece.choice, [])
                self._reasons[piece.choice] = piece.reason
            elif isinstance(piece, Counted):
                self._usage = piece.usage
        return b""

    def fail(self, error: TramontaneError) -> bytes:
        """Nothing has been sent, so the refusal is a whole one."""
        return b""

    def answer(self) -> Answer:
        """Return the whole answer."""
        choices = tuple(
            Choice((Text("".join(texts)),), self._reasons.get(index, "stop"))
            for index, texts in sorted(self._texts.items())
        )
        return Answer(
            id=self._began.id,
            model=self._began.model,
            choices=choices,
            usage=self._usage,
            created_s=self._began.created_s,
        )
