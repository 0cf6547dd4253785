"""The card of a model of ours: what it is, from what, how well, and what it cannot do.

A record and its JSON form; knows nothing of training and needs none of its libraries.
"""

import hashlib
from pathlib import Path

import msgspec


class Source(msgspec.Struct, frozen=True):
    """One source of training data."""

    name: str
    origin: str
    licence: str
    use: str


class Heldout(msgspec.Struct, frozen=True):
    """Bits per byte on one language's held-out text, beside two baselines. Lower is better."""

    bytes: int
    model: float
    byte_unigram: float
    xz_9: float


class Training(msgspec.Struct, frozen=True):
    """How the weights came about."""

    recipe: str
    steps: int
    tokens: int
    corpus_tokens: int
    hours: float
    tokens_per_s: int
    machine: str
    schedule: str
    optimiser: str


class Card(msgspec.Struct, frozen=True):
    """Everything the product says about a model of ours."""

    name: str
    file: str
    sha256: str
    size_bytes: int
    parameters: int
    architecture: dict[str, int | float | str | bool]
    quantisation: str
    languages: tuple[str, ...]
    licence: str
    capable: bool
    summary: str
    cannot: tuple[str, ...]
    data: tuple[Source, ...]
    left_out: tuple[str, ...]
    training: Training
    heldout_text: str
    heldout_method: str
    bits_per_byte: dict[str, Heldout]
    special_tokens: dict[str, str]


def write_card(path: Path, card: Card) -> None:
    """Write the card as indented JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n")


def read_card(path: Path) -> Card:
    """Return a card; raises msgspec.ValidationError when a field is missing or of another type."""
    return msgspec.json.decode(path.read_bytes(), type=Card)


def sha256_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
