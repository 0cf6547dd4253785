"""What records are compared by: a publisher's word and the runs of a model's name.

It does not know which of them are one model: `matching` does.
"""

import re
from collections.abc import Iterable

from tramontane.catalog import naming
from tramontane.catalog.cards import Offer
from tramontane.catalog.reading import Reading

Key = tuple[str | None, str]
"""A publisher's word (None: unknown) and the key of a name."""

_AREA = re.compile(r"^(?:us|eu|apac|global|au|jp|ca|us-gov)\.(?=[a-z0-9]+\.)")


def name_key(reading: Reading) -> Key:
    """Return what the reading's own name stands for."""
    return key_of(reading, reading.publisher, reading.name)


def key_of(reading: Reading, publisher: str | None, name: str) -> Key:
    """Return what one of a reading's names stands for: with its date, where it is a snapshot."""
    key = naming.named(publisher, name).key
    return publisher, f"{key}-{reading.snapshot}" if reading.snapshot else key


def keys_of(reading: Reading) -> Iterable[Key]:
    """Yield what the reading's own name stands for, and its further spellings."""
    yield name_key(reading)
    for publisher, name in reading.names:
        yield key_of(reading, publisher, name)


def repository_key(repository: str) -> Key:
    """Return what ORG/REPO at the hub stands for."""
    org, _, name = repository.partition("/")
    named = naming.named(naming.publisher_of(org), name)
    return named.publisher, named.key


def sold_as(offer: Offer) -> tuple[str, str]:
    """Return the provider and its name for what it offers, the same in each of its regions."""
    return offer.provider, _AREA.sub("", offer.model.lower())
