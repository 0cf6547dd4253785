"""What a dialect offers to the gateway: one side towards clients, one towards providers.

`Client` reads a client's request into the canonical form and writes answers, streams and errors in
the client's own. `Upstream` writes a canonical request for a provider and reads what it answers.
Both are stateless; a stream has a reader and a writer of its own. Nothing here knows sockets,
keys of ours or prices.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from tramontane.errors import TramontaneError
from tramontane.wire.canonical import Answer, Piece, Request, Said

EVENT_STREAM = b"text/event-stream"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request as its endpoint read it. `fields` is the top level as the client wrote it, for a
    provider of the same dialect; `prompt_bytes` bounds the prompt's tokens without `images`.
    `features` are those of the dialect that the client asks for by name, beside the body.
    `generated`: how many answers are made, where that is more than the client gets. `files` are
    those, beside the messages' own, whose tokens no count of bytes bounds.
    """

    request: Request
    fields: dict[str, msgspec.Raw]
    prompt_bytes: int
    images: int = 0
    features: tuple[str, ...] = ()
    generated: int = 0
    files: int = 0


class StreamWriter(Protocol):
    """One stream to a client."""

    def write(self, pieces: Sequence[Piece]) -> bytes:
        """Return what the client gets for `pieces`; with `Ended` the dialect's own end."""

    def fail(self, error: TramontaneError) -> bytes:
        """Return the dialect's error event; nothing that looks like a good end follows."""


class Client(Protocol):
    """One endpoint of a dialect that clients speak."""

    dialect: str
    stream_type: bytes

    def read(self, body: bytes, model: str | None, query: bytes) -> Asked:
        """Return what is asked; `model` where the path names it. Raises InvalidRequest."""

    def write(self, answer: Answer, asked: Asked) -> bytes:
        """Return the whole answer's body."""

    def writer(self, asked: Asked) -> StreamWriter:
        """Return the writer of one stream."""

    def error(self, error: TramontaneError) -> tuple[int, bytes]:
        """Return status and body of a refusal, as this dialect spells both."""


@runtime_checkable
class Spelling(Protocol):
    """A `Client` whose dialect calls some fields otherwise than most do: its names by theirs."""

    spelling: Mapping[str, str]


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A request to a provider. `path` follows the origin's base path; `fields` are more lines of
    the head, each with CR LF; `dropped` names what was left out since that was allowed. `echo` is
    what the answer will say again before it goes on; it is taken off.
    """

    path: str
    body: bytes
    fields: bytes = b""
    dropped: tuple[str, ...] = ()
    echo: str = ""


class StreamReader(Protocol):
    """One stream of a provider. Any cut of its bytes gives the same pieces in the same order.

    `left`: what was whole before the broken part, where `feed` or `end` has raised.
    """

    left: Sequence[Piece]

    def feed(self, payload: bytes) -> list[Piece]:
        """Return the pieces that are whole now. Raises Broken; UpstreamFailed for its errors."""

    def end(self) -> list[Piece]:
        """The body has ended: return what was due. Raises Broken where the answer has not ended."""


class Upstream(Protocol):
    """A dialect that providers speak."""

    dialect: str
    stream_type: bytes

    def authorize(
        self, secret: str | None, *, host: str, path: str, body: bytes, now_s: float
    ) -> bytes:
        """Return the head's lines that prove who asks; `path` is whole, with its base and query."""

    def write(self, request: Request, *, model: str, drops: bool) -> Written:
        """Return `request` for `model`; what cannot be said is refused, or dropped with `drops`."""

    def read(self, body: bytes) -> Answer:
        """Return the whole answer. Raises Broken."""

    def reader(self) -> StreamReader:
        """Return the reader of one stream."""

    def read_error(self, body: bytes) -> Said:
        """Return what an error's body says; empty where it says nothing in this form."""


@runtime_checkable
class Forwarding(Protocol):
    """An `Upstream` that can pass on what a client of its own dialect says, and its answer as it
    comes. `stream_end`: the last event of a stream.
    """

    stream_end: bytes

    def forward(self, asked: Asked, *, model: str, max_tokens: int | None) -> Written:
        """Return the client's own request for `model`, limited to `max_tokens` where given."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A model as a dialect's lists may show it, where the key that asks may use it."""

    name: str
    created_s: int = 0
    context_tokens: int | None = None
    max_output_tokens: int | None = None
    is_local: bool = False
    supports_tools: bool = False
    gives_vectors: bool = False  # and no text


class Local(Protocol):
    """A path of a dialect that is answered here, without a model: lists, counts, versions."""

    method: bytes

    def answer(
        self, models: Sequence[Shown], *, name: str | None, body: bytes, query: bytes
    ) -> bytes:
        """Return the JSON; `name` where the path names a model. Raises NotFound, InvalidRequest."""

    def error(self, error: TramontaneError) -> tuple[int, bytes]:
        """Return status and body of a refusal, as this dialect spells both."""
