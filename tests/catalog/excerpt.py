"""A few records of each source, as they are there: the traps among them."""

from functools import cache
from pathlib import Path

from tramontane.catalog import building
from tramontane.catalog.cards import Card
from tramontane.catalog.reading import Read, Reading
from tramontane.catalog.sources.table import READERS

DATA = Path(__file__).parent / "data"
SOURCES = DATA / "sources"


@cache
def files() -> dict[str, dict[str, bytes]]:
    """The excerpts' bytes by source and file."""
    return building.read_folder(SOURCES)


@cache
def built() -> building.Built:
    """The catalogue of the excerpts."""
    return building.build(files())


@cache
def read(source: str) -> Read:
    """What a reader makes of its source's excerpt."""
    reader = next(reader for reader in READERS if reader.source.id == source)
    return reader.read(files()[source])


def readings(source: str) -> dict[str, Reading]:
    """A source's readings by record."""
    return {reading.record: reading for reading in read(source).readings}


def card(card_id: str) -> Card:
    """A card of the excerpts' catalogue."""
    return next(card for card in built().cards if card.id == card_id)
