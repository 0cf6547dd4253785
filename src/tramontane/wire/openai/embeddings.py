"""Embeddings in OpenAI's form, both sides.

A vector goes to the client as numbers or, where it asks for `base64`, as little-endian floats of
32 bits. Nothing here knows sockets or prices.
"""

import base64
import struct
from typing import Any

import msgspec
from msgspec import Raw

from tramontane.errors import InvalidRequest, TramontaneError
from tramontane.wire.canonical import Answer, Broken, Request, Said
from tramontane.wire.dialect import EVENT_STREAM, Asked, StreamReader, StreamWriter, Written
from tramontane.wire.openai import errors
from tramontane.wire.openai.intent import Intent, read_count
from tramontane.wire.openai.operations import read_embeddings, read_inputs
from tramontane.wire.openai.provider import (
    Counts,
    bearer,
    read_said,
    usage_body,
    usage_of,
)
from tramontane.wire.unsaid import Unsaid

DIALECT = "openai"
_READ = frozenset(("model", "input", "dimensions", "encoding_format", "user", "stream"))
_TEXT = msgspec.json.Decoder(str)
_FORMATS = ("float", "base64")


class EmbeddingsClient:
    """POST /embeddings, as clients of OpenAI ask."""

    dialect = DIALECT
    stream_type = EVENT_STREAM

    def read(self, body: bytes, model: str | None, query: bytes) -> Asked:
        """Return what is asked. Raises InvalidRequest."""
        return asked_of(read_embeddings(body, model))

    def write(self, answer: Answer, asked: Asked) -> bytes:
        """Return the whole answer's body, its vectors in the encoding that was asked for."""
        is_packed = _encoding(asked.fields) == "base64"
        data = [
            {
                "object": "embedding",
                "index": i,
                "embedding": _packed(vector) if is_packed else vector,
            }
            for i, vector in enumerate(answer.vectors)
        ]
        body: dict[str, Any] = {"object": "list", "data": data, "model": answer.model}
        if answer.usage is not None:
            body["usage"] = usage_body(answer.usage, gives_text=False)
        return msgspec.json.encode(body)

    def writer(self, asked: Asked) -> StreamWriter:
        """There is none: raises InvalidRequest, as `read` does for a stream."""
        raise _no_stream()

    def error(self, error: TramontaneError) -> tuple[int, bytes]:
        """Return status and body of a refusal."""
        return error.status, errors.render(error)


def asked_of(intent: Intent) -> Asked:
    """Return the rest of what `intent` asks for. Raises InvalidRequest."""
    fields = intent.fields
    _encoding(fields)
    user = fields.get("user")
    request = Request(
        model=intent.model,
        operation="embeddings",
        inputs=read_inputs(fields, "input"),
        dimensions=read_count(fields, "dimensions", 65_536),
        user=None if user is None else _word("user", user),
        extra={name: raw for name, raw in fields.items() if name not in _READ},
    )
    return Asked(request=request, fields=fields, prompt_bytes=intent.prompt_bytes)


def _encoding(fields: dict[str, Raw]) -> str:
    raw = fields.get("encoding_format")
    word = "float" if raw is None or bytes(raw) == b"null" else _word("encoding_format", raw)
    if word not in _FORMATS:
        raise InvalidRequest(
            f"The field 'encoding_format' must be 'float' or 'base64', not '{word[:40]}'.",
            code="invalid_value",
            param="encoding_format",
        )
    return word


def _word(name: str, raw: Raw) -> str:
    try:
        return _TEXT.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidRequest(
            f"The field '{name}' must be a string.", code="invalid_type", param=name
        ) from None


def _no_stream() -> InvalidRequest:
    return InvalidRequest(
        "There is no stream of embeddings: leave out 'stream'.",
        code="invalid_value",
        param="stream",
    )


def _packed(vector: tuple[float, ...]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


# --- towards providers ------------------------------------------------------------------------


class _Vector(msgspec.Struct):
    embedding: tuple[float, ...] | str
    index: int = 0


class _Body(msgspec.Struct):
    data: list[_Vector]
    model: str = ""
    id: str = ""
    usage: Counts | None = None


_BODY = msgspec.json.Decoder(_Body)


class EmbeddingsUpstream:
    """POST /embeddings of a provider."""

    dialect = DIALECT
    stream_type = EVENT_STREAM

    def authorize(
        self, secret: str | None, *, host: str, path: str, body: bytes, now_s: float
    ) -> bytes:
        """Return the key's line."""
        return bearer(secret)

    def write(self, request: Request, *, model: str, drops: bool) -> Written:
        """Return `request` for `model`."""
        inputs = request.inputs
        body: dict[str, Any] = {"model": model}
        body["input"] = inputs[0] if len(inputs) == 1 else inputs
        if request.dimensions is not None:
            body["dimensions"] = request.dimensions
        if request.user is not None:
            body["user"] = request.user
        unsaid = Unsaid(DIALECT, drops=drops)
        unsaid.leave_extra(request)
        return Written(path="/embeddings", body=msgspec.json.encode(body), dropped=unsaid.names)

    def read(self, body: bytes) -> Answer:
        """Return the whole answer. Raises Broken."""
        try:
            said = _BODY.decode(body)
            given = sorted(said.data, key=lambda item: item.index)
            vectors = tuple(_numbers(item.embedding) for item in given)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
            raise Broken(f"The provider's answer holds no embeddings: {error}.") from None
        return Answer(
            id=said.id,
            model=said.model,
            vectors=vectors,
            usage=usage_of(said.usage, gives_text=False),
        )

    def reader(self) -> StreamReader:
        """There is none: raises InvalidRequest."""
        raise _no_stream()

    def read_error(self, body: bytes) -> Said:
        """Return what an error's body says."""
        return read_said(body)


def _numbers(given: tuple[float, ...] | str) -> tuple[float, ...]:
    if not isinstance(given, str):
        return given
    packed = base64.b64decode(given, validate=True)
    if len(packed) % 4:
        raise ValueError("a vector in base64 is cut short")
    return struct.unpack(f"<{len(packed) // 4}f", packed)


CLIENT = EmbeddingsClient()
UPSTREAM = EmbeddingsUpstream()
