"""Whether a model would fit into a machine's memory, from what its card says alone.

An estimate for finding and comparing: the bytes of a file, or parameters at a quantisation, and
what a conversation takes beside them. Whoever has the file itself reads its header and knows
better. It does not know how much memory there is.
"""

import math
from collections.abc import Iterable
from typing import Literal

import msgspec

from tramontane.catalog.cards import Card

Fits = Literal["yes", "tight", "no", "unknown"]

TIGHT_SHARE = 0.85
"""From this share of the memory that is free on it is tight: the rest of the machine needs some."""

KEPT_TOKENS = 16_384
"""Of conversations at once: four of 4,096 tokens, as a model is served unless told otherwise."""
OVERHEAD_BYTES = 300_000_000
"""The engine itself and its buffers for computing."""

USUAL_QUANTISATION = "Q4_K_M"
"""What is assumed where only the number of parameters is known."""

_BITS = {
    "IQ1_S": 1.6, "IQ1_M": 1.8, "IQ2_XXS": 2.1, "IQ2_XS": 2.4, "IQ2_S": 2.6, "IQ2_M": 2.7,
    "IQ3_XXS": 3.1, "IQ3_XS": 3.3, "IQ3_S": 3.5, "IQ3_M": 3.7, "IQ4_XS": 4.3, "IQ4_NL": 4.6,
    "Q2_K": 3.0, "Q2_K_L": 3.1, "Q3_K_S": 3.5, "Q3_K_M": 3.9, "Q3_K_L": 4.3, "Q4_0": 4.6,
    "Q4_1": 5.0, "Q4_K_S": 4.6, "Q4_K_M": 4.9, "Q4_K_XL": 5.0, "Q4_K_L": 5.0, "Q5_0": 5.5,
    "Q5_1": 6.0, "Q5_K_S": 5.5, "Q5_K_M": 5.7, "Q5_K_L": 5.8, "Q6_K": 6.6, "Q6_K_L": 6.7,
    "Q8_0": 8.5, "MXFP4": 4.3, "NVFP4": 4.5, "INT4": 4.5, "AWQ": 4.5, "GPTQ": 4.5, "INT8": 8.5,
    "FP8": 8.1, "F16": 16.0, "FP16": 16.0, "BF16": 16.0, "F32": 32.0, "FP32": 32.0,
}  # fmt: skip
"""Bits a weight takes, scales and tables included, as published files of each kind measure."""

# Llama 3.1 8B keeps 131,072 bytes a token (32 layers, 8 heads of 128, keys and values in 16 bits).
# Over models from 1 to 70 billion parameters that grows about with the root of their number.
_KEPT_BYTES_AT_8B = 131_072
_KEPT_BYTES_LEAST = 8_192


class Memory(msgspec.Struct, frozen=True):
    """A machine's memory: what is free for another engine."""

    available_bytes: int


def bits_per_weight(quantisation: str | None) -> float | None:
    """Return the bits a weight takes, None for a quantisation that is not known here."""
    if quantisation is None:
        return None
    name = quantisation.upper().replace("-", "_")
    return _BITS.get(name.removeprefix("UD_"))


def weight_bytes(parameters: int, quantisation: str | None) -> int:
    """Return about how large a file of so many parameters is; an unknown quantisation is taken as
    the usual one.
    """
    bits = bits_per_weight(quantisation) or _BITS[USUAL_QUANTISATION]
    return math.ceil(parameters * bits / 8)


def kept_bytes(parameters: int, tokens: int) -> int:
    """Return about what so many tokens of conversations take beside the weights."""
    root = math.sqrt(max(parameters, 1) / 8e9)
    return tokens * max(_KEPT_BYTES_LEAST, round(_KEPT_BYTES_AT_8B * root))


def needed_bytes(
    *,
    size_bytes: int | None,
    parameters: int | None,
    quantisation: str | None = None,
    context_tokens: int | None = None,
) -> int | None:
    """Return about what serving takes in memory; None where neither size nor parameters are known.

    `context_tokens` is the model's own limit: one that can take less keeps less.
    """
    if size_bytes is None and parameters is None:
        return None
    if size_bytes is None:
        size_bytes = weight_bytes(parameters or 0, quantisation)
    if parameters is None:
        bits = bits_per_weight(quantisation) or _BITS[USUAL_QUANTISATION]
        parameters = round(size_bytes * 8 / bits)
    tokens = min(context_tokens or KEPT_TOKENS, KEPT_TOKENS)
    return size_bytes + kept_bytes(parameters, tokens) + OVERHEAD_BYTES


def fits(needed: int | None, memory: Memory | None) -> Fits:
    """Return whether that much fits: `tight` leaves little to everything else on the machine."""
    if needed is None or memory is None:
        return "unknown"
    if needed > memory.available_bytes:
        return "no"
    return "tight" if needed > TIGHT_SHARE * memory.available_bytes else "yes"


def least_needed_bytes(card: Card) -> int | None:
    """Return what the smallest way to serve the model here takes; None where that is not known,
    and for a model whose weights nobody can have.

    Without files whose size is known, it is what its parameters take at the usual quantisation.
    """
    if card.openness == "closed":
        return None
    context, parameters = _count(card, "context_tokens"), _count(card, "parameters")
    sizes = _file_needs(card, parameters, context)
    if sizes:
        return min(sizes)
    return needed_bytes(size_bytes=None, parameters=parameters, context_tokens=context)


def _file_needs(card: Card, parameters: int | None, context: int | None) -> list[int]:
    found: Iterable[int | None] = (
        needed_bytes(
            size_bytes=file.size_bytes,
            parameters=parameters,
            quantisation=file.quantisation,
            context_tokens=context,
        )
        for file in card.files
        if file.size_bytes is not None
    )
    return [needed for needed in found if needed is not None]


def _count(card: Card, field: Literal["context_tokens", "parameters"]) -> int | None:
    value = card.value(field)
    return value if isinstance(value, int) and value > 0 else None
