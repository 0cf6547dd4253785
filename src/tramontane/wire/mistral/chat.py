"""Mistral's dialect as the gateway takes it: its endpoints for clients, its side to providers.

Chat, fill in the middle, embeddings; moderations for a provider of this dialect alone. Everything
is said in the modules beside this one.
"""

from collections.abc import Mapping
from types import MappingProxyType

from tramontane.errors import TramontaneError
from tramontane.wire.canonical import Answer, Operation, Request, Said
from tramontane.wire.dialect import EVENT_STREAM, Asked, StreamReader, StreamWriter, Written
from tramontane.wire.mistral import answering, asking, errors, reading, writing
from tramontane.wire.openai.provider import bearer

DIALECT = "mistral"
_READ = {
    "chat": reading.read_chat,
    "fim": reading.read_fim,
    "embeddings": reading.read_embeddings,
    "moderations": reading.read_moderations,
}
_WRITE = {
    "chat": asking.write_chat,
    "fim": asking.write_fim,
    "embeddings": asking.write_embeddings,
}


_SPELLING: Mapping[str, str] = MappingProxyType(
    {
        "seed": "random_seed",
        "dimensions": "output_dimension",
    }
)


class MistralClient:
    """One endpoint of /mistral/v1."""

    dialect = DIALECT
    spelling = _SPELLING
    stream_type = EVENT_STREAM

    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self._read = _READ[operation]

    def read(self, body: bytes, model: str | None, query: bytes) -> Asked:
        """Return what is asked. Raises InvalidRequest."""
        return self._read(body)

    def write(self, answer: Answer, asked: Asked) -> bytes:
        """Return the whole answer's body."""
        if self._operation == "embeddings":
            return writing.write_embeddings(answer, asked)
        return writing.write(answer, asked)

    def writer(self, asked: Asked) -> StreamWriter:
        """Return the writer of one stream."""
        return writing.Writer(asking.prefix_of(asked.request))

    def error(self, error: TramontaneError) -> tuple[int, bytes]:
        """Return status and body of a refusal."""
        return errors.render(error)


class MistralUpstream:
    """One operation of a provider that speaks Mistral's dialect."""

    dialect = DIALECT
    stream_type = EVENT_STREAM

    def __init__(self, operation: Operation) -> None:
        self._operation = operation
        self._write = _WRITE[operation]

    def authorize(
        self, secret: str | None, *, host: str, path: str, body: bytes, now_s: float
    ) -> bytes:
        """Return the key's line."""
        return bearer(secret)

    def write(self, request: Request, *, model: str, drops: bool) -> Written:
        """Return `request` for `model`. Raises InvalidRequest for what cannot be said."""
        return self._write(request, model, drops=drops)

    def read(self, body: bytes) -> Answer:
        """Return the whole answer. Raises Broken."""
        if self._operation == "embeddings":
            return answering.read_embeddings(body)
        return answering.read(body)

    def reader(self) -> StreamReader:
        """Return the reader of one stream."""
        return answering.Reader()

    def read_error(self, body: bytes) -> Said:
        """Return what an error's body says; empty where it says nothing in this form."""
        return errors.read_error(body)


CHAT_CLIENT = MistralClient("chat")
FIM_CLIENT = MistralClient("fim")
EMBEDDINGS_CLIENT = MistralClient("embeddings")
MODERATIONS_CLIENT = MistralClient("moderations")
CHAT = MistralUpstream("chat")
FIM = MistralUpstream("fim")
EMBEDDINGS = MistralUpstream("embeddings")
