"""POST /responses: one endpoint of OpenAI's dialect, always translated."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from tramontane.errors import NotFound, TramontaneError
from tramontane.wire.canonical import Answer
from tramontane.wire.dialect import EVENT_STREAM, Asked, Shown
from tramontane.wire.openai import errors
from tramontane.wire.openai.responses.answering import shape_of, write_response
from tramontane.wire.openai.responses.asking import read_response
from tramontane.wire.openai.responses.streaming import ResponseWriter

_SPELLING: Mapping[str, str] = MappingProxyType(
    {
        "response_format": "text.format",
        "reasoning_effort": "reasoning.effort",
        "thinking": "reasoning",
        "verbosity": "text.verbosity",
    }
)


class ResponsesClient:
    """What clients of OpenAI's Responses are answered by."""

    dialect = "openai"
    spelling = _SPELLING
    stream_type = EVENT_STREAM

    def read(self, body: bytes, model: str | None, query: bytes) -> Asked:
        """Return what is asked. Raises InvalidRequest."""
        return read_response(body)

    def write(self, answer: Answer, asked: Asked) -> bytes:
        """Return the whole answer's body."""
        return write_response(answer, asked)

    def writer(self, asked: Asked) -> ResponseWriter:
        """Return the writer of one stream."""
        return ResponseWriter(shape_of(asked))

    def error(self, error: TramontaneError) -> tuple[int, bytes]:
        """Return status and body of a refusal."""
        return error.status, errors.render(error)


class Unkept:
    """GET /responses/ID: there is none to be had."""

    method = b"GET"

    def answer(
        self, models: Sequence[Shown], *, name: str | None, body: bytes, query: bytes
    ) -> bytes:
        """Raise NotFound."""
        raise NotFound(
            "Responses are not kept here, so none can be fetched: keep what"
            " POST /v1/responses has answered.",
            code="not_found",
            param="id",
        )

    def error(self, error: TramontaneError) -> tuple[int, bytes]:
        """Return status and body of a refusal."""
        return error.status, errors.render(error)


CLIENT = ResponsesClient()
UNKEPT = Unkept()
