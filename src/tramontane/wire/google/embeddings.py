"""Embeddings in Google's form: batchEmbedContents (ai.google.dev/api/embeddings)."""

from typing import Any

import msgspec

from tramontane.money import Usage
from tramontane.wire.canonical import Answer, Broken, Request
from tramontane.wire.unsaid import Unsaid


class _Vector(msgspec.Struct):
    values: list[float]


class _Counted(msgspec.Struct, rename="camel"):
    prompt_token_count: int = 0


class _Embeddings(msgspec.Struct, rename="camel"):
    embeddings: list[_Vector]
    usage_metadata: _Counted | None = None


_DECODER = msgspec.json.Decoder(_Embeddings)
_TOP = msgspec.json.Decoder(dict[str, msgspec.Raw])


def body(request: Request, name: str, unsaid: Unsaid) -> dict[str, Any]:
    """Return the body for the model `name` (with `models/`); one request for each input."""
    unsaid.leave_set(request, "user")
    unsaid.leave_extra(request)
    made: list[dict[str, Any]] = []
    for text in request.inputs:
        if not isinstance(text, str):
            unsaid.leave("input")  # token numbers mean nothing to another tokeniser
            continue
        asked: dict[str, Any] = {"model": name, "content": {"parts": [{"text": text}]}}
        if request.dimensions is not None:
            asked["outputDimensionality"] = request.dimensions
        made.append(asked)
    return {"requests": made}


def is_embeddings(body: bytes) -> bool:
    """Whether a whole answer holds embeddings."""
    try:
        return "embeddings" in _TOP.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return False


def read_answer(body: bytes) -> Answer:
    """Return the vectors. Raises Broken."""
    try:
        read = _DECODER.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Broken(f"The provider's answer is not of Google's form: {error}") from None
    counted = read.usage_metadata
    return Answer(
        id="",
        model="",
        vectors=tuple(tuple(vector.values) for vector in read.embeddings),
        usage=None if counted is None else Usage(counted.prompt_token_count),
    )
