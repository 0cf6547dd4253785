"""Azure's endpoints for clients: model inference (the model in the body) and Azure OpenAI's (the
deployment in the path). Bodies and answers are OpenAI's, errors Azure's.

It does not know deployments or prices.
"""

from collections.abc import Sequence

import msgspec
from msgspec import Raw

from tramontane.errors import TramontaneError
from tramontane.wire.azure import errors
from tramontane.wire.canonical import Answer, Piece
from tramontane.wire.dialect import Asked, Client, StreamWriter
from tramontane.wire.openai import chat, completions, embeddings
from tramontane.wire.openai.responses import client as responses

DIALECT = "azure"
STREAM_TYPE = b"text/event-stream; charset=utf-8"
_TOP = msgspec.json.Decoder(dict[str, Raw])
_encode = msgspec.json.Encoder().encode


class AzureClient:
    """One endpoint; `inner` reads and writes what Azure shares with OpenAI.

    Its `stream_type` is not the plain one, so a waiting client is told nothing: Azure's own takes
    any line but data for an error. `fails_as_inner`: its streams have events for failures.
    """

    dialect = DIALECT
    stream_type = STREAM_TYPE

    def __init__(self, inner: Client, *, fails_as_inner: bool = False) -> None:
        self._inner = inner
        self._fails_as_inner = fails_as_inner

    def read(self, body: bytes, model: str | None, query: bytes) -> Asked:
        """Return what is asked, of `model` where the path names it. Raises InvalidRequest."""
        return self._inner.read(body if model is None else with_model(body, model), None, query)

    def write(self, answer: Answer, asked: Asked) -> bytes:
        """Return the whole answer's body."""
        return self._inner.write(answer, asked)

    def writer(self, asked: Asked) -> StreamWriter:
        """Return the writer of one stream."""
        writer = self._inner.writer(asked)
        return writer if self._fails_as_inner else AzureWriter(writer)

    def error(self, error: TramontaneError) -> tuple[int, bytes]:
        """Return status and body of a refusal."""
        return errors.render(error)


class AzureWriter:
    """One stream to a client, its failures as Azure spells them."""

    __slots__ = ("_inner",)

    def __init__(self, inner: StreamWriter) -> None:
        self._inner = inner

    def write(self, pieces: Sequence[Piece]) -> bytes:
        """Return the events for `pieces`."""
        return self._inner.write(pieces)

    def fail(self, error: TramontaneError) -> bytes:
        """Return the error's event; no `[DONE]` follows."""
        return errors.render_event(error)


def with_model(body: bytes, model: str) -> bytes:
    """Return `body` for `model`; a body that is no object is left for others to refuse."""
    try:
        fields = _TOP.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body
    if "model" in fields:
        fields["model"] = Raw(_encode(model))
        return _encode(fields)
    start = body.index(b"{") + 1
    comma = b"," if fields else b""
    return b'%b"model":%b%b%b' % (body[:start], _encode(model), comma, body[start:])


CHAT = AzureClient(chat.CLIENT)
COMPLETIONS = AzureClient(completions.CLIENT)
EMBEDDINGS = AzureClient(embeddings.CLIENT)
RESPONSES = AzureClient(responses.CLIENT, fails_as_inner=True)
