"""Answers without the words they were to go on from, where a provider says those again.

It does not know dialects.
"""

from collections.abc import Sequence

import msgspec

from tramontane.errors import TramontaneError
from tramontane.wire.canonical import Answer, Choice, Finished, Piece, Text, TextPiece
from tramontane.wire.dialect import StreamReader


def without_echo(answer: Answer, echo: str) -> Answer:
    """Return `answer`, `echo` taken off the beginning of each choice that begins with it."""
    choices = tuple(_choice(choice, echo) for choice in answer.choices)
    return msgspec.structs.replace(answer, choices=choices)


def _choice(choice: Choice, echo: str) -> Choice:
    for place, part in enumerate(choice.parts):
        if isinstance(part, Text):
            if not part.text.startswith(echo):
                break
            rest = part.text[len(echo) :]
            kept = (Text(rest),) if rest else ()
            parts = (*choice.parts[:place], *kept, *choice.parts[place + 1 :])
            return msgspec.structs.replace(choice, parts=parts)
    return choice


class Unechoed:
    """A `StreamReader` whose pieces are those of `reader` without `echo`.

    Text that may be the echo's beginning waits until that is known.
    """

    def __init__(self, reader: StreamReader, echo: str) -> None:
        self._reader = reader
        self._echo = echo
        self.left: Sequence[Piece] = ()
        self._matched: dict[int, int] = {}  # how much of it each choice has said; -1: it is over

    def feed(self, payload: bytes) -> list[Piece]:
        """Return the pieces that are whole now."""
        try:
            return self._without(self._reader.feed(payload))
        except TramontaneError:
            self.left = self._without(self._reader.left)
            raise

    def end(self) -> list[Piece]:
        """Return what was due at the body's end."""
        try:
            return self._without(self._reader.end())
        except TramontaneError:
            self.left = self._without(self._reader.left)
            raise

    def _without(self, pieces: Sequence[Piece]) -> list[Piece]:
        out: list[Piece] = []
        for piece in pieces:
            if isinstance(piece, TextPiece):
                said = self._new(piece)
                if said is not None:
                    out.append(said)
                continue
            if isinstance(piece, Finished):
                matched = self._matched.get(piece.choice, 0)
                if 0 < matched < len(self._echo):
                    out.append(TextPiece(self._echo[:matched], piece.choice))
            out.append(piece)
        return out

    def _new(self, piece: TextPiece) -> TextPiece | None:
        """Return what of `piece` is no echo, None where that is nothing or not known yet."""
        matched = self._matched.get(piece.choice, 0)
        if matched < 0:
            return piece
        rest = self._echo[matched:]
        if rest.startswith(piece.text) and len(piece.text) < len(rest):
            self._matched[piece.choice] = matched + len(piece.text)
            return None
        self._matched[piece.choice] = -1
        if not piece.text.startswith(rest):  # it was none
            return msgspec.structs.replace(piece, text=self._echo[:matched] + piece.text)
        text = piece.text[len(rest) :]
        return msgspec.structs.replace(piece, text=text) if text else None
