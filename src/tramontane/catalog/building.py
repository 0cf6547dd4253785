"""Builds the catalogue from a folder laid out as the sources: read, filter, match, merge.

The same folder gives the same catalogue, whatever the day. It does not know where it is kept.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from tramontane.catalog import merging, unsuitable
from tramontane.catalog.cards import Card, Source
from tramontane.catalog.keys import Key, name_key
from tramontane.catalog.matching import Matched, Member, match
from tramontane.catalog.providers import JURISDICTIONS, Provider
from tramontane.catalog.reading import Reading
from tramontane.catalog.sources import models_dev
from tramontane.catalog.sources.table import READERS, Reader
from tramontane.errors import InvalidRequest

_SAME_PRICE = "an offer that stands in a newer record"
_OTHER_PRICE = "an offer that stands in a newer record, at another price"
MAX_SOURCE_BYTES = 64 * 1024 * 1024


class Built(msgspec.Struct, frozen=True, kw_only=True):
    """A catalogue before it is packed. `left_out` counts records by source and reason."""

    cards: tuple[Card, ...]
    sources: dict[str, Source]
    providers: dict[str, Provider]
    left_out: dict[str, dict[str, int]]
    matched: Matched

    @property
    def built_on(self) -> str:
        """The day of the newest source: what the catalogue knows ends there."""
        return max((source.date for source in self.sources.values()), default="")


def read_folder(folder: Path) -> dict[str, dict[str, bytes]]:
    """Return the bytes of each source's files by source and name. Raises InvalidRequest."""
    found: dict[str, dict[str, bytes]] = {}
    for reader in READERS:
        files = {name: folder / name for name in reader.files}
        missing = [name for name, path in files.items() if not path.is_file()]
        if len(missing) == len(files):
            continue
        if missing:
            raise InvalidRequest(f"{folder}: {reader.source.title} also needs {', '.join(missing)}")
        for name, path in files.items():
            if path.stat().st_size > MAX_SOURCE_BYTES:
                raise InvalidRequest(f"{path} is larger than {MAX_SOURCE_BYTES:,} bytes")
            found.setdefault(reader.source.id, {})[name] = path.read_bytes()
    if not found:
        raise InvalidRequest(
            f"{folder} holds none of the sources' files ({READERS[0].files[0]}, …)"
        )
    return found


def build(files: Mapping[str, Mapping[str, bytes]]) -> Built:
    """Return the catalogue of the sources in `files`. Raises InvalidRequest."""
    readings: list[Reading] = []
    left_out: dict[str, Counter[str]] = {}
    sources: dict[str, Source] = {}
    unfit: set[Key] = set()
    for reader in READERS:
        if reader.source.id in files:
            found, counts, keys = _read(reader, files[reader.source.id])
            readings += found
            unfit |= keys
            left_out[reader.source.id] = counts
            sources[reader.source.id] = reader.source
    for reading in (reading for reading in readings if name_key(reading) in unfit):
        left_out[reading.source]["unsuitable as another source tells"] += 1
    readings = [reading for reading in readings if name_key(reading) not in unfit]
    matched = match(readings)
    for reading in matched.unplaced:
        left_out[reading.source]["no model by that name is known"] += 1
    dates = {source.id: source.date for source in sources.values()}
    providers = _providers(files, readings)
    cards = tuple(made(matched, dates))
    for source, reason in _offers_not_taken(matched, cards):
        left_out[source][reason] += 1
    return Built(
        cards=cards,
        sources=sources,
        providers=providers,
        left_out={name: dict(sorted(counts.items())) for name, counts in left_out.items()},
        matched=matched,
    )


def made(matched: Matched, dates: Mapping[str, str]) -> Iterable[Card]:
    """Yield a card for each group. Of two that would have one id the later is called by its key."""
    taken: set[str] = set()
    for members in matched.groups:
        id_ = merging.card_id(members)
        if id_ in taken:
            id_ = f"{id_}-{least_key(members)}"
        taken.add(id_)
        yield merging.card(members, dates, id_)


def _offers_not_taken(matched: Matched, cards: Iterable[Card]) -> Iterator[tuple[str, str]]:
    """Yield source and reason of each offer that another source, or record, has too."""
    for members, card in zip(matched.groups, cards, strict=True):
        taken = {merging.sold_as(offer): offer for offer in card.offers}
        for offer in (offer for member in members for offer in member.reading.offers):
            shown = taken[merging.sold_as(offer)]
            if (offer.source, offer.record) == (shown.source, shown.record):
                continue
            prices = (offer.input_per_mtok, offer.output_per_mtok)
            is_same = prices in ((shown.input_per_mtok, shown.output_per_mtok), (None, None))
            yield offer.source, _SAME_PRICE if is_same else _OTHER_PRICE


def least_key(members: Iterable[Member]) -> str:
    """Return the least of the keys that a group goes by."""
    return min(member.key[1] for member in members)


def _read(
    reader: Reader, files: Mapping[str, bytes]
) -> tuple[list[Reading], Counter[str], set[Key]]:
    """Return a source's readings without what is unsuitable, the counts of both, and the models
    that were found so: another source may only name them.
    """
    try:
        read = reader.read(files)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise InvalidRequest(
            f"{reader.source.title}: {', '.join(reader.files)} is not laid out as expected"
            f" ({type(error).__name__}: {error})"
        ) from error
    counts: Counter[str] = Counter(read.left_out)
    kept: list[Reading] = []
    unfit: set[Key] = set()
    for reading in read.readings:
        reason = unsuitable.reason(reading)
        if reason is None:
            kept.append(reading)
            continue
        counts[f"unsuitable by its {reason}"] += 1
        if unsuitable.is_of_nobody_known(reading):
            unfit.add(name_key(reading))
    return kept, counts, unfit


def _providers(
    files: Mapping[str, Mapping[str, bytes]], readings: Iterable[Reading]
) -> dict[str, Provider]:
    """Return the providers of the offers, with their addresses where a source has them."""
    known = models_dev.known_providers(files["models_dev"]) if "models_dev" in files else {}
    found: dict[str, Provider] = {}
    for reading in readings:
        for offer in reading.offers:
            if offer.provider not in found:
                found[offer.provider] = known.get(offer.provider) or Provider(
                    id=offer.provider,
                    title=offer.provider_title,
                    kind=offer.kind,
                    jurisdiction=JURISDICTIONS.get(offer.provider),  # not that of a region
                )
    return dict(sorted(found.items()))
