"""Embeddings that mean nothing, but are the same each time and have the right form."""

import base64
import hashlib
import struct

import msgspec

from tramontane.providers.standin.requests import EmbeddingRequest

Item = str | list[int]


def items_of(request: EmbeddingRequest) -> list[Item]:
    """Return what is to be embedded, each a text or a list of token numbers."""
    given = request.input
    if isinstance(given, str):
        return [given]
    if isinstance(given[0], int):
        return [[item for item in given if isinstance(item, int)]]
    return [item for item in given if not isinstance(item, int)]


def text_of(items: list[Item]) -> str:
    """Return the texts among `items`, joined by line feeds."""
    return "\n".join(item for item in items if isinstance(item, str))


def body(request: EmbeddingRequest, items: list[Item], dimensions: int, tokens: int) -> bytes:
    """Return the JSON of the response."""
    vectors = [vector(str(item), request.dimensions or dimensions) for item in items]
    is_packed = request.encoding_format == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(v) if is_packed else v}
        for index, v in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return msgspec.json.encode(
        {"object": "list", "data": data, "model": request.model, "usage": usage}
    )


def vector(text: str, dimensions: int) -> list[float]:
    """Return a unit vector that depends on nothing but `text`; close texts are not close."""
    digest = hashlib.shake_256(text.encode("utf-8", "surrogatepass")).digest(2 * dimensions)
    raw = [(n - 32767.5) / 32768 for n in struct.unpack(f"<{dimensions}H", digest)]
    length = sum(x * x for x in raw) ** 0.5
    return [x / length for x in raw]


def _packed(numbers: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
