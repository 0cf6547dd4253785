"""Makes a card of the readings of one model: every claim kept, the nearest first.

It does not know which readings belong together: `matching` does.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args

import msgspec

from tramontane.catalog import naming, trust
from tramontane.catalog.cards import Card, Claim, Field, ModelFileFact, Offer
from tramontane.catalog.matching import Member
from tramontane.catalog.openness import graded
from tramontane.catalog.reading import Reading
from tramontane.catalog.titles import title_of

ONE_CLAIM: frozenset[Field] = frozenset({"description", "homepage", "name"})
"""Texts of which only the nearest is kept: two wordings are no disagreement."""

_PROSE: frozenset[Field] = frozenset(
    {"description", "training_data_summary", "intended_use", "limitations"}
)
DESCRIPTION_CHARACTERS = 280
MAX_ALIASES = 24
MAX_FILES = 60
_MAKERS_FIRST = (
    "models_dev", "gpustack", "xinference", "azureml", "helm", "localai", "litellm", "genai_prices",
)  # fmt: skip


def card(members: Sequence[Member], dates: Mapping[str, str], id_: str | None = None) -> Card:
    """Return the card. `dates` are the sources' own: of which day what they say is."""
    readings = [member.reading for member in members]
    facts: dict[Field, tuple[Claim, ...]] = {}
    for field in get_args(Field):
        claims = _claims(field, readings, dates)
        if claims:
            facts[field] = claims
    first: dict[Field, Any] = {field: claims[0].value for field, claims in facts.items()}
    return Card(
        id=id_ or card_id(members),
        facts=facts,
        openness=graded(
            weights=first.get("weights_open"),
            data=first.get("data_open"),
            code=first.get("code_open"),
            licence=first.get("licence"),
        ),
        aliases=_aliases(readings),
        files=_files(readings),
        offers=_offers(readings),
    )


def card_id(members: Iterable[Member]) -> str:
    """Return the id: after the record that names the model best."""
    best = min(members, key=_naming_order)
    publisher = best.reading.publisher or best.key[0]
    return naming.card_id(publisher, _called(best))


def _called(member: Member) -> str:
    """Return what a member's record calls the model: its title where that counts, and its date
    where the model has several.
    """
    reading = member.reading
    title = title_of(reading) if member.rule == "title" else None
    text = naming.named(reading.publisher, title or reading.name).text
    return f"{text}-{reading.snapshot}" if reading.snapshot else text


def _naming_order(member: Member) -> tuple[bool, int, int, int, int, str]:
    reading = member.reading
    if reading.source == "models_dev" and reading.nearness == 0:
        place = 0
    elif reading.repository is not None:
        place = 1
    else:
        place = 2 + reading.nearness
    named = naming.named(reading.publisher, reading.name)
    is_moving = named.text.endswith("-latest")
    source = _MAKERS_FIRST.index(reading.source) if reading.source in _MAKERS_FIRST else 9
    return (
        reading.publisher is None,
        ("title", "offer").index(member.rule) + 1 if member.rule in ("title", "offer") else 0,
        place + 5 * is_moving,
        source,
        len(named.text),
        named.text,
    )


def _claims(
    field: Field, readings: Iterable[Reading], dates: Mapping[str, str]
) -> tuple[Claim, ...]:
    """Return what is said of one field, each value once for each source, the nearest first."""
    said = [reading for reading in readings if field in reading.facts]
    if any(reading.nearness < 2 for reading in said):
        said = [reading for reading in said if reading.nearness < 2]
    times = Counter(_text(reading.facts[field]) for reading in said)
    if field == "released_on":
        said = [r for r in said if r.nearness < 2 or _is_agreed(r.facts[field], times)]

    def order(reading: Reading) -> tuple[int, int, int, tuple[int, ...], str]:
        date = reading.updated or dates.get(reading.source, "")
        newest = tuple(-ord(character) for character in date)
        agreeing = -times[_text(reading.facts[field])] if reading.nearness == 2 else 0
        place = trust.rank(field, reading.source)
        return agreeing, reading.nearness, place, newest, reading.record

    kept: dict[tuple[str, str], Claim] = {}
    for reading in sorted(said, key=order):
        value = reading.facts[field]
        if field in _PROSE:
            value = shortened(value)
        kept.setdefault(
            (reading.source, _text(value)),
            Claim(value=value, source=reading.source, record=reading.record),
        )
    claims = tuple(kept.values())
    return claims[:1] if field in ONE_CLAIM else claims


def _is_agreed(date: str, times: Mapping[str, int]) -> bool:
    """Return whether two sellers or more give that day: one alone often gives the day of listing,
    or the first of a year.
    """
    return times[_text(date)] > 1 and not date.endswith("-01-01")


def shortened(text: str) -> str:
    """Return the beginning of a description, ended at a sentence or a word."""
    text = " ".join(text.split())
    if len(text) <= DESCRIPTION_CHARACTERS:
        return text
    cut = text[:DESCRIPTION_CHARACTERS]
    sentence = cut.rfind(". ")
    if sentence >= 80:
        return cut[: sentence + 1]
    return cut[: max(cut.rfind(" "), 80)].rstrip(",;: ") + "…"


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _aliases(readings: Iterable[Reading]) -> tuple[str, ...]:
    times = Counter(alias for reading in readings for alias in reading.aliases)
    chosen = sorted(times, key=lambda alias: (-times[alias], len(alias), alias))[:MAX_ALIASES]
    return tuple(sorted(chosen))


def _files(readings: Iterable[Reading]) -> tuple[ModelFileFact, ...]:
    """Return each file once, that with a hash before that without."""
    found: dict[str, ModelFileFact] = {}
    for reading in readings:
        for file in reading.files:
            known = found.get(file.uri)
            if known is None or (known.sha256 is None and file.sha256 is not None):
                found[file.uri] = file
    ordered = sorted(found.values(), key=lambda file: (file.sha256 is None, file.uri))
    return tuple(ordered[:MAX_FILES])


def _offers(readings: Iterable[Reading]) -> tuple[Offer, ...]:
    """Return each offer once: of several sources' the newest, then the one that says most."""
    found: dict[tuple[str, str, str], Offer] = {}
    for reading in readings:
        for offer in reading.offers:
            key = sold_as(offer)
            known = found.get(key)
            if known is None or _offer_order(offer) > _offer_order(known):
                found[key] = offer
    return tuple(found[key] for key in sorted(found))


def sold_as(offer: Offer) -> tuple[str, str, str]:
    """Return what makes an offer one: provider, region, and the model's name there."""
    return offer.provider, offer.region or "", offer.model.lower()


def _offer_order(offer: Offer) -> tuple[bool, str, int, str, str]:
    said = sum(value is not None for value in msgspec.structs.asdict(offer).values())
    return offer.input_per_mtok is not None, offer.date, said, offer.source, offer.record
