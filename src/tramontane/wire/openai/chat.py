"""OpenAI's chat as the gateway takes it: its side for clients, its side for providers.

`UPSTREAM` speaks to whoever follows the dialect, `ENGINE` to an engine of our own. Everything is
said in the modules beside this one.
"""

from tramontane.errors import TramontaneError
from tramontane.wire.canonical import Answer, Request, Said
from tramontane.wire.dialect import EVENT_STREAM, Asked, Written
from tramontane.wire.openai import errors
from tramontane.wire.openai.answering import ChatReader, read_answer
from tramontane.wire.openai.asking import write_chat
from tramontane.wire.openai.intent import read_chat
from tramontane.wire.openai.provider import bearer, read_said
from tramontane.wire.openai.reading import asked_of
from tramontane.wire.openai.writing import ChatWriter, write_answer

__all__ = ["CLIENT", "ENGINE", "UPSTREAM", "ChatClient", "ChatUpstream", "asked_of"]
DIALECT = "openai"


class ChatClient:
    """POST /chat/completions, as clients of OpenAI ask."""

    dialect = DIALECT
    stream_type = EVENT_STREAM

    def read(self, body: bytes, model: str | None, query: bytes) -> Asked:
        """Return what is asked. Raises InvalidRequest."""
        return asked_of(read_chat(body))

    def write(self, answer: Answer, asked: Asked) -> bytes:
        """Return the whole answer's body."""
        return write_answer(answer, asked.request.model)

    def writer(self, asked: Asked) -> ChatWriter:
        """Return the writer of one stream."""
        return ChatWriter(asked.request.model, shows_usage=asked.request.include_usage)

    def error(self, error: TramontaneError) -> tuple[int, bytes]:
        """Return status and body of a refusal."""
        return error.status, errors.render(error)


class ChatUpstream:
    """A provider that follows the dialect, or an engine of ours."""

    dialect = DIALECT
    stream_type = EVENT_STREAM

    def __init__(self, *, is_engine: bool = False) -> None:
        self._is_engine = is_engine

    def authorize(
        self, secret: str | None, *, host: str, path: str, body: bytes, now_s: float
    ) -> bytes:
        """Return the line with the key."""
        return bearer(secret)

    def write(self, request: Request, *, model: str, drops: bool) -> Written:
        """Return `request` for `model`. Raises InvalidRequest for what cannot be said."""
        name = "an engine here" if self._is_engine else DIALECT
        return write_chat(request, model, drops=drops, name=name, is_engine=self._is_engine)

    def read(self, body: bytes) -> Answer:
        """Return the whole answer. Raises Broken."""
        return read_answer(body)

    def reader(self) -> ChatReader:
        """Return the reader of one stream."""
        return ChatReader()

    def read_error(self, body: bytes) -> Said:
        """Return what an error's body says."""
        return read_said(body)


CLIENT = ChatClient()
UPSTREAM = ChatUpstream()
ENGINE = ChatUpstream(is_engine=True)
