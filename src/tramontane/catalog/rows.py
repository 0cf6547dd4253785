"""A card as the index sees it: the words, values and numbers that are searched and sorted by.

It does not know how they are indexed, nor what a query asks for.
"""

import re
from typing import Any

import msgspec

from tramontane.catalog.cards import AI_ACT, Card, Field, Offer, Openness
from tramontane.catalog.language_names import primary
from tramontane.catalog.machine import least_needed_bytes
from tramontane.catalog.prices import Exchange

COUNTED: tuple[Field, ...] = (
    "name", "publisher", "publisher_country", "description", "released_on", "architecture",
    "licence", "parameters", "context_tokens", "max_output_tokens", "knowledge_until", "kind",
    "input_modalities", "output_modalities", "languages", "abilities", "training_data_summary",
    "training_compute_flops", "training_energy_kwh", "intended_use", "limitations",
    "copyright_policy", "eu_contact",
)  # fmt: skip
"""The facts that count for how complete a card is: those that the publisher of an open and of a
commercial model can state alike. So neither files nor offers count, nor what was released.
"""

_DATE = re.compile(r"(\d{4})(?:-(\d{2}))?(?:-(\d{2}))?", re.ASCII)


class OfferRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An offer: prices in nano-units of `currency` per million tokens, which is the platform's
    where there is a rate (`is_converted`). `number` is its place among the card's offers.
    """

    number: int
    provider: str
    provider_title: str
    jurisdiction: str | None
    currency: str
    input_nano: int | None
    output_nano: int | None
    cached_nano: int | None
    date: str
    is_converted: bool = True


class Row(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A card as it is searched and listed.

    `released` is YYYYMMDD with zeros for what is not known, 0 where nothing is; `completeness` how
    many of `COUNTED` are known.

    `project_id` is whose own card it is, None for everybody's.
    """

    id: str
    name: str
    aliases: tuple[str, ...]
    description: str
    publisher: str | None
    openness: Openness
    licence: str | None
    kind: str | None
    languages: tuple[str, ...]
    abilities: tuple[str, ...]
    modalities: tuple[str, ...]
    context_tokens: int | None
    parameters: int | None
    active_parameters: int | None
    released_on: str | None
    released: int
    completeness: int
    missing_ai_act: int
    needed_bytes: int | None
    has_files: bool
    offers: tuple[OfferRow, ...]
    project_id: str | None = None


def row(card: Card, exchange: Exchange, project_id: str | None = None) -> Row:
    """Return what is searched of `card`."""
    return Row(
        id=card.id,
        name=name_of(card),
        aliases=card.aliases,
        description=text(card, "description") or "",
        publisher=text(card, "publisher"),
        openness=card.openness,
        licence=text(card, "licence"),
        kind=text(card, "kind"),
        languages=tuple(dict.fromkeys(map(primary, texts(card, "languages")))),
        abilities=texts(card, "abilities"),
        modalities=texts(card, "input_modalities"),
        context_tokens=count(card, "context_tokens"),
        parameters=count(card, "parameters"),
        active_parameters=count(card, "active_parameters"),
        released_on=text(card, "released_on"),
        released=date_number(text(card, "released_on")),
        completeness=sum(field in card.facts for field in COUNTED),
        missing_ai_act=missing_ai_act(card),
        needed_bytes=least_needed_bytes(card),
        has_files=bool(card.files),
        offers=tuple(
            _offer_row(number, offer, exchange) for number, offer in enumerate(card.offers)
        ),
        project_id=project_id,
    )


def without_words(found: Row) -> Row:
    """Return what is listed, without the texts that only the index needs."""
    return msgspec.structs.replace(found, aliases=(), description="")


def name_of(card: Card) -> str:
    """Return the name to show: what a source calls it, else the last part of its id."""
    return text(card, "name") or card.id.rpartition("/")[2]


def text(card: Card, field: Field) -> str | None:
    """Return a fact that is a text; None where it is unknown."""
    value = card.value(field)
    return value if isinstance(value, str) and value else None


def texts(card: Card, field: Field) -> tuple[str, ...]:
    """Return a fact that is a list of texts, each once; empty where it is unknown."""
    value: Any = card.value(field)
    if not isinstance(value, (list, tuple)):
        return ()
    return tuple(dict.fromkeys(each for each in value if isinstance(each, str)))


def count(card: Card, field: Field) -> int | None:
    """Return a fact that is a number above zero; None where it is unknown."""
    value = card.value(field)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return int(value) if is_number and 0 < value < 2**62 else None


def missing_ai_act(card: Card) -> int:
    """Return how many of the facts that the EU AI Act asks for are unknown."""
    return sum(field not in card.facts for field in AI_ACT)


def date_number(date: str | None) -> int:
    """Return 20250317 for 2025-03-17, 20250300 for 2025-03, 0 for what is no date."""
    found = None if date is None else _DATE.match(date)
    if found is None:
        return 0
    year, month, day = (int(part or 0) for part in found.groups())
    return year * 10_000 + month * 100 + day


def _offer_row(number: int, offer: Offer, exchange: Exchange) -> OfferRow:
    return OfferRow(
        number,
        offer.provider,
        offer.provider_title,
        offer.jurisdiction,
        exchange.shown_currency(offer.currency),
        exchange.nano(offer.input_per_mtok, offer.currency),
        exchange.nano(offer.output_per_mtok, offer.currency),
        exchange.nano(offer.cached_input_per_mtok, offer.currency),
        offer.date,
        exchange.rate(offer.currency) is not None,
    )
