"""Cards as they are shown: in a list, and whole with the source of each fact.

The own API and the command line's JSON have these shapes. Nothing here decides what is found.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from tramontane.catalog.cards import (
    AI_ACT,
    Card,
    Claim,
    Field,
    ModelFileFact,
    Offer,
    Openness,
    Source,
    agrees,
)
from tramontane.catalog.machine import Fits, Memory, fits, least_needed_bytes, needed_bytes
from tramontane.catalog.prices import Amount, Exchange, Mix, long_prices, mixed_nano, price
from tramontane.catalog.providers import Provider
from tramontane.catalog.queries import Facet, FacetCount, Unmatched
from tramontane.catalog.restrictions import Terms, terms_of
from tramontane.catalog.rows import OfferRow, Row, count, name_of
from tramontane.money import format_nano


class CheapestPrice(msgspec.Struct, frozen=True, kw_only=True):
    """What a million tokens cost at the mix asked for, with whoever sells them cheapest.

    `amount` is decimal text in `currency`: the platform's, or the provider's own where nobody has
    said what that is worth. `date` is the day the price was read.
    """

    amount: str
    currency: str
    provider: str
    provider_title: str
    jurisdiction: str | None
    date: str


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A model in a list. Null and empty: unknown. `price` null: nobody has said, which is not the
    same as nothing.

    `here` are deployments of it on this platform that the caller may use. `needed_bytes` is an
    estimate of the memory that the smallest way to serve it here takes.
    """

    id: str
    name: str
    publisher: str | None
    openness: Openness
    licence: str | None
    kind: str | None
    parameters: int | None
    active_parameters: int | None
    context_tokens: int | None
    languages: tuple[str, ...]
    abilities: tuple[str, ...]
    input_modalities: tuple[str, ...]
    released_on: str | None
    price: CheapestPrice | None
    offers: int
    providers: list[str]
    fits: Fits
    needed_bytes: int | None
    here: list[str]
    missing_ai_act: int
    own: bool


class MixView(msgspec.Struct, frozen=True, kw_only=True):
    """Parts of a million tokens."""

    input: int
    output: int
    cached: int


class FoundModels(msgspec.Struct, frozen=True, kw_only=True):
    """What was found: `total` of them, a page in `data`, ordered by `rule` where no other order
    was asked for. `facets` count what each further value would leave; `unknown` how many more there
    are of which only that facet is unknown. `unmatched` are values that no card has, `unconverted`
    currencies compared as they stand.
    """

    total: int
    took_ms: float
    rule: str
    currency: str
    unconverted: list[str]
    mix: MixView
    data: list[Summary]
    facets: dict[Facet, list[FacetCount]]
    unknown: dict[Facet, int]
    unmatched: list[Unmatched]


class ClaimView(msgspec.Struct, frozen=True, kw_only=True):
    """What one source says, in its record of that name, on that day."""

    value: Any
    source: str
    record: str
    date: str | None


class FactView(msgspec.Struct, frozen=True, kw_only=True):
    """The claim that is shown, those that say something else, and who says the same."""

    value: Any
    source: str
    record: str
    date: str | None
    conflicts: list[ClaimView]
    agreeing: list[str]


class ReleasedView(msgspec.Struct, frozen=True, kw_only=True):
    """What was released; null where nobody has said. The openness follows from it."""

    weights: bool | None
    data: bool | None
    code: bool | None
    paper: bool | None


class KnownView(msgspec.Struct, frozen=True, kw_only=True):
    """A fact that the EU AI Act asks for, and whether it is known."""

    field: Field
    known: bool


class FileView(msgspec.Struct, frozen=True, kw_only=True):
    """A file that can be fetched, and whether it would fit into this machine's memory."""

    uri: str
    source: str
    sha256: str | None
    size_bytes: int | None
    quantisation: str | None
    fits: Fits
    needed_bytes: int | None


class LongPriceView(msgspec.Struct, frozen=True, kw_only=True):
    """What a million tokens cost, all of them, with prompts above so many tokens."""

    above_tokens: int
    price: Amount | None


class OfferView(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's offer as its source has it, in `currency` per million tokens, and `price` at
    the mix asked for, as it is compared; `long_prices` for longer prompts. `kind` is the kind of
    account to deploy it through; `compatible` at the provider's `url` where it has none of its own.
    """

    provider: str
    provider_title: str
    model: str
    source: str
    record: str
    date: str
    kind: str | None
    host: str | None
    region: str | None
    jurisdiction: str | None
    currency: str
    input_per_mtok: str | None
    output_per_mtok: str | None
    cached_input_per_mtok: str | None
    cache_write_per_mtok: str | None
    per_request: str | None
    long_context: tuple[tuple[int, str, str], ...]
    context_tokens: int | None
    max_output_tokens: int | None
    price: Amount | None
    long_prices: list[LongPriceView]
    url: str | None


class HereView(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment of the model on this platform."""

    deployment: str
    state: str


class PublicationView(msgspec.Struct, frozen=True, kw_only=True):
    """The model as another project offers it."""

    id: str
    name: str


class CardView(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a model. `fields` holds what is known; what it lacks is unknown.
    `own` cards were added here. `licence_terms` is what is known of the licence; null where nobody
    has named one.
    """

    id: str
    name: str
    openness: Openness
    openness_why: ReleasedView
    aliases: tuple[str, ...]
    fields: dict[Field, FactView]
    ai_act: list[KnownView]
    fits: Fits
    needed_bytes: int | None
    files: list[FileView]
    offers: list[OfferView]
    price: CheapestPrice | None
    here: list[HereView]
    publications: list[PublicationView]
    own: bool
    licence_terms: Terms | None


class Looking(msgspec.Struct, frozen=True, kw_only=True):
    """From where cards are looked at: what prices and memory are compared with."""

    mix: Mix
    exchange: Exchange
    memory: Memory | None = None
    sources: Mapping[str, Source] = {}
    providers: Mapping[str, Provider] = {}


def summary(
    row: Row, looking: Looking, cheapest: int | None, here: Iterable[str], *, own: bool
) -> Summary:
    """Return the card for a list; `cheapest` is the number of the offer whose price is shown."""
    return Summary(
        id=row.id,
        name=row.name,
        publisher=row.publisher,
        openness=row.openness,
        licence=row.licence,
        kind=row.kind,
        parameters=row.parameters,
        active_parameters=row.active_parameters,
        context_tokens=row.context_tokens,
        languages=row.languages,
        abilities=row.abilities,
        input_modalities=row.modalities,
        released_on=row.released_on,
        price=None if cheapest is None else _of_row(row.offers[cheapest], looking.mix),
        offers=len(row.offers),
        providers=list(dict.fromkeys(offer.provider for offer in row.offers)),
        fits=fits(row.needed_bytes, looking.memory),
        needed_bytes=row.needed_bytes,
        here=sorted(here),
        missing_ai_act=row.missing_ai_act,
        own=own,
    )


def whole(
    card: Card,
    looking: Looking,
    here: Iterable[HereView] = (),
    publications: Iterable[PublicationView] = (),
    *,
    own: bool = False,
) -> CardView:
    """Return all that is known of the card."""
    needed = least_needed_bytes(card)
    return CardView(
        id=card.id,
        name=name_of(card),
        openness=card.openness,
        openness_why=ReleasedView(
            weights=_is_released(card, "weights_open"),
            data=_is_released(card, "data_open"),
            code=_is_released(card, "code_open"),
            paper=_is_released(card, "paper_open"),
        ),
        aliases=card.aliases,
        fields={field: _fact(claims, looking) for field, claims in card.facts.items() if claims},
        ai_act=[KnownView(field=field, known=field in card.facts) for field in AI_ACT],
        fits=fits(needed, looking.memory),
        needed_bytes=needed,
        files=[_file(file, card, looking) for file in card.files],
        offers=[offer_view(offer, looking) for offer in card.offers],
        price=cheapest_price(card, looking),
        here=sorted(here, key=lambda each: each.deployment),
        publications=list(publications),
        own=own,
        licence_terms=terms_of(card),
    )


def cheapest_price(card: Card, looking: Looking) -> CheapestPrice | None:
    """Return the lowest price at the mix, as lists do: of those in the platform's currency, else
    of others, else zero where all are for nothing. None: nobody has said.
    """
    found = [priced for offer in card.offers if (priced := _of_offer(offer, looking)) is not None]

    def rank(priced: CheapestPrice) -> tuple[bool, bool, Decimal]:
        amount = Decimal(priced.amount)
        return not amount, priced.currency != looking.exchange.currency, amount

    return min(found, key=rank, default=None)


def offer_view(offer: Offer, looking: Looking) -> OfferView:
    """Return the offer with its price at the mix."""
    provider = looking.providers.get(offer.provider)
    url = None if offer.kind is not None or provider is None else provider.url
    said = msgspec.structs.asdict(offer) | ({} if url is None else {"kind": "compatible"})
    return OfferView(
        **said,
        url=url,
        price=price(offer, looking.mix, looking.exchange),
        long_prices=[
            LongPriceView(above_tokens=above_tokens, price=found)
            for above_tokens, found in long_prices(offer, looking.mix, looking.exchange)
        ],
    )


def _of_row(offer: OfferRow, mix: Mix) -> CheapestPrice | None:
    nano = mixed_nano(offer.input_nano, offer.output_nano, offer.cached_nano, mix)
    if nano is None:
        return None
    return CheapestPrice(
        amount=format_nano(nano),
        currency=offer.currency,
        provider=offer.provider,
        provider_title=offer.provider_title,
        jurisdiction=offer.jurisdiction,
        date=offer.date,
    )


def _of_offer(offer: Offer, looking: Looking) -> CheapestPrice | None:
    found = price(offer, looking.mix, looking.exchange)
    if found is None:
        return None
    return CheapestPrice(
        amount=found.amount,
        currency=found.currency,
        provider=offer.provider,
        provider_title=offer.provider_title,
        jurisdiction=offer.jurisdiction,
        date=offer.date,
    )


def _fact(claims: tuple[Claim, ...], looking: Looking) -> FactView:
    shown, *others = claims
    seen = _claim(shown, looking)
    return FactView(
        value=seen.value,
        source=seen.source,
        record=seen.record,
        date=seen.date,
        conflicts=[
            _claim(claim, looking) for claim in others if not agrees(shown.value, claim.value)
        ],
        agreeing=list(
            dict.fromkeys(
                claim.source
                for claim in others
                if agrees(shown.value, claim.value) and claim.source != shown.source
            )
        ),
    )


def _claim(claim: Claim, looking: Looking) -> ClaimView:
    source = looking.sources.get(claim.source)
    dated = claim.date or (None if source is None else source.date)
    return ClaimView(value=claim.value, source=claim.source, record=claim.record, date=dated)


def _file(file: ModelFileFact, card: Card, looking: Looking) -> FileView:
    needed = None
    if file.size_bytes is not None or file.quantisation is not None:
        needed = needed_bytes(
            size_bytes=file.size_bytes,
            parameters=count(card, "parameters"),
            quantisation=file.quantisation,
            context_tokens=count(card, "context_tokens"),
        )
    return FileView(
        uri=file.uri,
        source=file.source,
        sha256=file.sha256,
        size_bytes=file.size_bytes,
        quantisation=file.quantisation,
        fits=fits(needed, looking.memory),
        needed_bytes=needed,
    )


def _is_released(card: Card, field: Field) -> bool | None:
    value = card.value(field)
    return value if isinstance(value, bool) else None
