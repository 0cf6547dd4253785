"""Passages that are near a question by their vectors, where a deployment for embeddings is set.

Vectors are of length one and kept as halves (16 bits each), compared by their inner product over
all passages of the libraries: no index to be kept right, and exact. NumPy is loaded with the first
question that has a vector. It does not know where vectors come from.
"""

import struct
from collections.abc import Sequence
from math import sqrt

import msgspec
from sqlalchemy import Connection

from tramontane.documents.wordindex import Scope
from tramontane.errors import UpstreamFailed
from tramontane.store import vectors

DIMENSIONS_MOST = 16_384


class Vector(msgspec.Struct, frozen=True):
    """A question as the deployment `model` sees it; `packed` as vectors are kept."""

    model: str
    packed: bytes


def packed(values: Sequence[float]) -> bytes:
    """Return a vector of length one as it is kept. Raises UpstreamFailed where it has no direction.

    >>> packed([3.0, 4.0]).hex()
    'cd38663a'
    """
    length = sqrt(sum(value * value for value in values))
    if not 0 < length < float("inf") or len(values) > DIMENSIONS_MOST:
        raise UpstreamFailed("The deployment for embeddings gave a vector that cannot be used.")
    return struct.pack(f"<{len(values)}e", *(value / length for value in values))


def nearest(c: Connection, scope: Scope, asked: Vector, most: int) -> list[tuple[str, int]]:
    """Return document and number of the `most` passages nearest to `asked`, the nearest first."""
    import numpy as np

    wanted = np.frombuffer(asked.packed, dtype="<f2").astype(np.float32)
    best: list[tuple[float, str, int]] = []
    for rows in vectors.of_libraries(
        c, scope.library_ids, scope.document_ids, asked.model, len(asked.packed)
    ):
        data = b"".join(row[2] for row in rows)
        near = np.frombuffer(data, dtype="<f2").reshape(-1, len(wanted)).astype(np.float32) @ wanted
        keys = [
            (document_id, first + n)
            for document_id, first, held in rows
            for n in range(len(held) // len(asked.packed))
        ]
        some = np.argpartition(-near, min(most, len(keys)) - 1)[:most]
        best = sorted([*best, *((-float(near[at]), *keys[at]) for at in some)])[:most]
    return [(document_id, number) for _, document_id, number in best]
