"""The catalogue as one compact file, read so that its cards stay encoded until asked for.

Cards lie in blocks, each compressed by itself; what is in memory is the file, and the block that
was read last. It does not know what is in a card.

Format: 8 bytes `TRCAT001`, the header's length in 4 bytes (big-endian), the header (MessagePack,
`_Header`), the blocks. A block is zlib of MessagePack: an array of cards.
"""

import os
import secrets
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec

from tramontane.catalog.cards import Card, Source
from tramontane.catalog.providers import Provider
from tramontane.errors import InvalidRequest

MAGIC = b"TRCAT001"
CARDS_A_BLOCK = 96
MAX_BYTES = 64 * 1024 * 1024
MAX_BLOCK_BYTES = 64 * 1024 * 1024


class Block(msgspec.Struct, frozen=True, array_like=True):
    """Where a block lies, counted from the end of the header, and its bytes when unpacked."""

    offset: int
    size_bytes: int
    plain_bytes: int


class _Header(msgspec.Struct, frozen=True, kw_only=True):
    built_on: str
    sources: dict[str, Source]
    providers: dict[str, Provider]
    left_out: dict[str, dict[str, int]]
    ids: list[str]
    blocks: list[Block]


_header_decoder = msgspec.msgpack.Decoder(_Header)
_cards_decoder = msgspec.msgpack.Decoder(list[Card])


class Catalogue:
    """What is known of models. `ids` are sorted; `left_out` counts by source and reason."""

    def __init__(self, header: _Header, blocks: bytes) -> None:
        self.sources: dict[str, Source] = header.sources
        self.providers: dict[str, Provider] = header.providers
        self.left_out: dict[str, dict[str, int]] = header.left_out
        self.built_on: str = header.built_on
        self.ids: tuple[str, ...] = tuple(header.ids)
        self._blocks = header.blocks
        self._bytes = blocks
        self._last: tuple[int, list[Card]] = (-1, [])

    def __len__(self) -> int:
        return len(self.ids)

    def card(self, card_id: str, /) -> Card | None:
        """Return the card of that id; None where there is none."""
        at = bisect_right(self.ids, card_id) - 1
        if at < 0 or self.ids[at] != card_id:
            return None
        block, place = divmod(at, CARDS_A_BLOCK)
        number, cards = self._last
        if number != block:
            cards = self._block(block)
            self._last = block, cards
        return cards[place]

    def cards(self) -> Iterator[Card]:
        """Yield every card by its id, a block at a time in memory."""
        for number in range(len(self._blocks)):
            yield from self._block(number)

    def _block(self, number: int) -> list[Card]:
        block = self._blocks[number]
        packed = memoryview(self._bytes)[block.offset : block.offset + block.size_bytes]
        return _cards_decoder.decode(_unpacked(packed, block.plain_bytes))


def load(path: Path | None = None) -> Catalogue:
    """Return the catalogue in `path`; None: the package's. Raises InvalidRequest."""
    if path is None:
        name = "the package's catalogue"
        data = (resources.files("tramontane.catalog") / "data" / "catalogue.bin").read_bytes()
    else:
        name = str(path)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise InvalidRequest(f"{name} cannot be read: {error.strerror}") from error
    return unpack(data, name)


def unpack(data: bytes, name: str) -> Catalogue:
    """Return the catalogue in the bytes of a packed file. Raises InvalidRequest naming `name`."""
    if data[: len(MAGIC)] != MAGIC:
        raise InvalidRequest(f"{name} is no packed catalogue of this version")
    start = len(MAGIC) + 4
    end = start + int.from_bytes(data[len(MAGIC) : start], "big")
    try:
        header = _header_decoder.decode(data[start:end])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{name} is damaged: {error}") from None
    _check(header, len(data) - end, name)
    return Catalogue(header, data[end:])


def check(catalogue: Catalogue, name: str) -> None:
    """Read every card, so that a damaged file is found before it is used. Raises InvalidRequest."""
    try:
        found = tuple(card.id for card in catalogue.cards())
    except (msgspec.MsgspecError, UnicodeDecodeError, zlib.error) as error:
        raise InvalidRequest(f"{name} is damaged: {error}") from None
    if found != catalogue.ids:
        raise InvalidRequest(f"{name} is damaged: its cards are not those that it lists")


def pack(
    cards: Iterable[Card],
    sources: Mapping[str, Source],
    built_on: str,
    path: Path,
    *,
    providers: Mapping[str, Provider] | None = None,
    left_out: Mapping[str, Mapping[str, int]] | None = None,
) -> None:
    """Write the catalogue to `path`, in whole or not at all. Ids must be unique.

    Raises InvalidRequest.
    """
    data = packed(cards, sources, built_on, providers=providers or {}, left_out=left_out or {})
    replace(path, data)


def packed(
    cards: Iterable[Card],
    sources: Mapping[str, Source],
    built_on: str,
    *,
    providers: Mapping[str, Provider],
    left_out: Mapping[str, Mapping[str, int]],
) -> bytes:
    """Return the bytes of the file: the same for the same cards, in whatever order."""
    ordered = sorted(cards, key=lambda card: card.id)
    ids = [card.id for card in ordered]
    twice = {one for one, other in pairwise(ids) if one == other}
    if twice:
        raise InvalidRequest(f"two cards have the id {sorted(twice)[0]}")
    encoder = msgspec.msgpack.Encoder(order="deterministic")
    blocks: list[Block] = []
    bodies: list[bytes] = []
    offset = 0
    for start in range(0, len(ordered), CARDS_A_BLOCK):
        plain = encoder.encode(ordered[start : start + CARDS_A_BLOCK])
        body = zlib.compress(plain, 9)
        blocks.append(Block(offset, len(body), len(plain)))
        bodies.append(body)
        offset += len(body)
    header = encoder.encode(
        {
            "built_on": built_on,
            "sources": dict(sources),
            "providers": dict(providers),
            "left_out": {name: dict(counts) for name, counts in left_out.items()},
            "ids": ids,
            "blocks": blocks,
        }
    )
    return b"".join((MAGIC, len(header).to_bytes(4, "big"), header, *bodies))


def replace(path: Path, data: bytes) -> None:
    """Put `data` into `path` at once: whoever reads finds the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with draft.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _check(header: _Header, size_bytes: int, name: str) -> None:
    needed = -(-len(header.ids) // CARDS_A_BLOCK)
    places = [block.offset + block.size_bytes for block in header.blocks]
    is_whole = (
        len(header.blocks) == needed
        and header.ids == sorted(set(header.ids))
        and all(block.offset >= 0 and block.size_bytes >= 0 for block in header.blocks)
        and all(0 <= block.plain_bytes <= MAX_BLOCK_BYTES for block in header.blocks)
        and max(places, default=0) <= size_bytes
    )
    if not is_whole:
        raise InvalidRequest(f"{name} is damaged: its table of blocks does not fit")


def _unpacked(body: Any, plain_bytes: int) -> bytes:
    """Return what was compressed; never more than was said. Raises zlib.error."""
    machine = zlib.decompressobj()
    plain = machine.decompress(body, plain_bytes + 1)
    if len(plain) != plain_bytes:
        raise zlib.error("a block is not as long as it should be")
    return plain
