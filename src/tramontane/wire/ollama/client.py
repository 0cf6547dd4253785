"""The endpoints of Ollama's dialect that tokens come from."""

import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import cast

from tramontane.errors import InvalidRequest, TramontaneError
from tramontane.wire.canonical import Answer
from tramontane.wire.dialect import Asked, StreamWriter
from tramontane.wire.ollama.answering import (
    NDJSON,
    LineWriter,
    write_answer,
    write_error,
    write_vector,
    write_vectors,
)
from tramontane.wire.ollama.asking import Timed, read_chat, read_embed, read_generate

DIALECT = "ollama"


_SPELLING: Mapping[str, str] = MappingProxyType(
    {
        "response_format": "format",
        "reasoning_effort": "think",
        "thinking": "think",
    }
)


class TextClient:
    """/api/chat and /api/generate, which `read` tells apart. `clock_ns` is the time of day."""

    dialect = DIALECT
    spelling = _SPELLING
    stream_type = NDJSON

    def __init__(self, read: Callable[[bytes, int], Timed], clock_ns: Callable[[], int]) -> None:
        self._read = read
        self._clock_ns = clock_ns

    def read(self, body: bytes, model: str | None, query: bytes) -> Asked:
        """Return what is asked. Raises InvalidRequest."""
        return self._read(body, self._clock_ns())

    def write(self, answer: Answer, asked: Asked) -> bytes:
        """Return the whole answer's body."""
        return write_answer(answer, cast(Timed, asked), self._clock_ns())

    def writer(self, asked: Asked) -> LineWriter:
        """Return the writer of one stream."""
        return LineWriter(cast(Timed, asked), self._clock_ns)

    def error(self, error: TramontaneError) -> tuple[int, bytes]:
        """Return status and body of a refusal."""
        return error.status, write_error(error)


class VectorClient:
    """/api/embed and, with `is_older`, /api/embeddings, which takes one text."""

    dialect = DIALECT
    stream_type = NDJSON

    def __init__(self, clock_ns: Callable[[], int], *, is_older: bool = False) -> None:
        self._clock_ns = clock_ns
        self._is_older = is_older

    def read(self, body: bytes, model: str | None, query: bytes) -> Asked:
        """Return what is asked. Raises InvalidRequest."""
        return read_embed(body, self._clock_ns())

    def write(self, answer: Answer, asked: Asked) -> bytes:
        """Return the whole answer's body."""
        if self._is_older:
            return write_vector(answer)
        return write_vectors(answer, cast(Timed, asked), self._clock_ns())

    def writer(self, asked: Asked) -> StreamWriter:
        """There is no stream of embeddings: raises InvalidRequest."""
        raise InvalidRequest("There is no stream of embeddings.", param="stream")

    def error(self, error: TramontaneError) -> tuple[int, bytes]:
        """Return status and body of a refusal."""
        return error.status, write_error(error)


CHAT = TextClient(read_chat, time.time_ns)
GENERATE = TextClient(read_generate, time.time_ns)
EMBED = VectorClient(time.time_ns)
EMBEDDINGS = VectorClient(time.time_ns, is_older=True)
