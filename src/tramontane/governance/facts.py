"""Who stands behind each deployment: provider, host, owner, its seat, chip, jurisdiction.

From what the operator says under `[independence.NAME]`, and from `facts.toml`, where each fact has
a source and the day it was read; regions are told by the kind of provider. What nobody has said is
None, never a guess. It does not know usage.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

from tramontane.config import FactSettings
from tramontane.places import is_within

Dimension = Literal["provider", "host", "owner", "seat", "chip", "jurisdiction"]
DIMENSIONS: tuple[Dimension, ...] = ("provider", "host", "owner", "seat", "chip", "jurisdiction")
PLACES: tuple[Dimension, ...] = ("seat", "jurisdiction")
"""Dimensions whose values are places, which may lie in one another."""
LOCAL = "local"
"""What engines of this machine are called as a provider, and what the operator's facts name."""
OWN = "own"
"""The organisation itself, as owner and host of this machine."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known; None is unknown. `seat` is the country whose law the owner is under,
    `jurisdiction` where requests are processed: ISO 3166 codes, or EU.
    """

    provider: str | None = None
    host: str | None = None
    owner: str | None = None
    seat: str | None = None
    chip: str | None = None
    jurisdiction: str | None = None

    def of(self, dimension: Dimension) -> str | None:
        """Return the fact of that dimension."""
        value: str | None = getattr(self, dimension)
        return value


class Source(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where facts come from, and the day on which it was read."""

    facts: tuple[Dimension, ...]
    url: str
    read: str
    note: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of one kind of provider."""

    owner: str | None = None
    seat: str | None = None
    host: str | None = None
    chip: str | None = None
    jurisdiction: str | None = None
    sources: tuple[Source, ...]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where a deployment is served: `provider` is what it is called here, `kind` what it is.

    `jurisdiction` is what its account or its region tells.
    """

    provider: str
    kind: str = ""
    jurisdiction: str | None = None


@cache
def book() -> Mapping[str, Entry]:
    """Return what is known of each kind of provider, by its name."""
    text = Path(__file__).with_name("facts.toml").read_bytes()
    return msgspec.toml.decode(text, type=dict[str, Entry])


def sources_of(kind: str) -> tuple[Source, ...]:
    """Return where the facts of that kind of provider come from."""
    entry = book().get(kind)
    return () if entry is None else entry.sources


def of_place(place: Place, told: Mapping[str, FactSettings], deployment: str = "") -> Facts:
    """Return the facts of what is served at `place`, as far as they are known.

    What the operator has `told` of the deployment goes first, then of the provider.
    """
    entry = book().get(place.kind, Entry(sources=()))
    found = Facts(
        provider=place.provider or None,
        host=entry.host,
        owner=entry.owner,
        seat=entry.seat,
        chip=entry.chip,
        jurisdiction=place.jurisdiction or entry.jurisdiction,
    )
    return _corrected(_corrected(found, told.get(place.provider)), told.get(deployment))


def of_local(chip: str | None, told: Mapping[str, FactSettings], deployment: str = "") -> Facts:
    """Return the facts of what is served on this machine."""
    found = Facts(provider=LOCAL, host=OWN, owner=OWN, chip=chip)
    return _corrected(_corrected(found, told.get(LOCAL)), told.get(deployment))


def labels(facts: Facts) -> frozenset[str]:
    """Return what drills can name those facts by, such as `owner:Microsoft`.

    What is in a member state is in the EU and the EEA as well.
    """
    found = {
        f"{dimension}:{value}"
        for dimension in DIMENSIONS
        if (value := facts.of(dimension)) is not None
    }
    for dimension in PLACES:
        for whole in ("EU", "EEA"):
            if is_within(facts.of(dimension), [whole]):
                found.add(f"{dimension}:{whole}")
    return frozenset(found)


def unsaid(facts: Mapping[str, Facts]) -> dict[str, tuple[Dimension, ...]]:
    """Return what nobody has said yet, under the name by which a setting says it.

    That is the provider where there is one (`local` is this machine), else the deployment.

    >>> unsaid({"small": Facts(provider="local", host="own", owner="own", chip="CPU")})
    {'local': ('seat', 'jurisdiction')}
    """
    found: dict[str, set[Dimension]] = {}
    for deployment, known in facts.items():
        missing = {dimension for dimension in DIMENSIONS if known.of(dimension) is None}
        if missing:
            found.setdefault(known.provider or deployment, set()).update(missing - {"provider"})
    return {
        name: tuple(dimension for dimension in DIMENSIONS if dimension in missing)
        for name, missing in sorted(found.items())
        if missing
    }


def may_be(dimension: Dimension, value: str | None, name: str) -> bool:
    """Return whether what has `value` may be `name`'s: where it is not known, or a part of it."""
    if value is None or value == name:
        return True
    if dimension not in PLACES:
        return False
    return any(
        is_within(a, [b]) or is_within(b, [a]) for a in value.split("+") for b in name.split("+")
    )


def _corrected(found: Facts, told: FactSettings | None) -> Facts:
    if told is None:
        return found
    given = {name: value for name, value in msgspec.structs.asdict(told).items() if value}
    return msgspec.structs.replace(found, **given)
