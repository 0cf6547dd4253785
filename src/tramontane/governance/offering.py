"""What a publication is made of: the deployment behind it, and a price not below what that costs.

Pure over settings and records. It does not know who may publish, nor whether an engine runs.
"""

from collections.abc import Iterable, Mapping
from typing import Any, get_args

import msgspec

from tramontane.catalog.cards import Field
from tramontane.config import DeploymentSettings, Settings, parse_price
from tramontane.engines.plan import BUILT_IN
from tramontane.errors import ConfigError, Conflict, InvalidRequest
from tramontane.money import Price, format_nano, parse_nano, rates_at
from tramontane.pricing import PriceSettings
from tramontane.store.names import unknown
from tramontane.store.records import Offered, Project, PublishedPrice, StoredDeployment

_FIELDS: frozenset[str] = frozenset(get_args(Field))
_PARTS = ("input", "output", "cached", "write", "write_1h")
_NAMES = {
    "input": "input_per_mtok",
    "output": "output_per_mtok",
    "cached": "cached_input_per_mtok",
    "write": "cache_write_per_mtok",
    "write_1h": "cache_write_1h_per_mtok",
}


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment as it is set up; `project_id` None: it is everybody's."""

    name: str
    settings: DeploymentSettings
    project_id: str | None = None

    def price(self, settings: Settings) -> Price:
        """Return what it costs; not known where nobody has said. Raises ConfigError."""
        if self.settings.price is None and self.settings.model is None:
            return Price(is_known=False)
        return parse_price(self.settings.price, settings, f"deployments.{self.name}")

    @property
    def tiers(self) -> Mapping[str, str]:
        """The factors on its price by service tier."""
        price = self.settings.price
        return price.service_tiers if isinstance(price, PriceSettings) else {}


class Below(msgspec.Struct, frozen=True):
    """A part of a price that is below its cost, for prompts above so many tokens."""

    part: str
    price_nano: int
    cost_nano: int
    above_tokens: int


def sources(settings: Settings, stored: Iterable[StoredDeployment]) -> dict[str, Source]:
    """Return every deployment by name. The configuration file wins over the store."""
    found = {
        name: Source(name=name, settings=DeploymentSettings(model=name))
        for name, is_on in (("demo", settings.demo), ("guide", settings.guide))
        if is_on and name in BUILT_IN
    }
    for record in stored:
        chosen = msgspec.json.decode(record.settings, type=DeploymentSettings)
        found[record.name] = Source(name=record.name, settings=chosen, project_id=record.project_id)
    for name, chosen in settings.deployments.items():
        found[name] = Source(name=name, settings=chosen)
    return found


def source_of(offer: Offered, found: Mapping[str, Source]) -> Source | None:
    """Return the deployment behind a publication, None where it is gone: one of the same name that
    is another project's, or everybody's where it was a project's own, is another one.
    """
    source = found.get(offer.deployment)
    if source is None or source.project_id != offer.owner_id:
        return None
    return source


def require_publishable(found: Mapping[str, Source], name: str, project: Project) -> Source:
    """Return the deployment that is to be published in that project's name: its own, or what is
    everybody's. Raises NotFound with the nearest names, Conflict where it is another's own.
    """
    source = found.get(name)
    if source is None:
        raise unknown("deployment", name, found, "deployment")
    if source.project_id not in (None, project.id):
        raise Conflict(
            f"{name!r} is another project's own: publish it in that project's name",
            param="deployment",
        )
    return source


def require_alone(source: Source, project: Project, *, allow_shared: bool) -> None:
    """Raise Conflict `deployment_shared` where the deployment is everybody's and nobody has said
    that this is meant: whoever may use it by its own name pays no price and accepts no terms.
    """
    if source.project_id is None and not allow_shared:
        raise Conflict(
            f"{source.name!r} is everybody's: projects can ask for it by that name, at what it"
            " costs itself, so they need not accept these terms nor pay this price. Nothing was"
            f" published. Deploy it under another name as {project.name}'s own (--project,"
            " project_id) and publish that, or say that it is meant (--allow-shared,"
            " allow_shared)",
            code="deployment_shared",
            param="deployment",
        )


def check_card(card: Mapping[str, Any]) -> bytes:
    """Return the card as JSON. Raises InvalidRequest naming the field that is none."""
    for name, value in card.items():
        place = f"card.{name[:80]}"
        if name not in _FIELDS:
            raise InvalidRequest(
                f"{place}: a card has no such field, only {', '.join(sorted(_FIELDS))}",
                param=place,
                code="unknown_field",
            )
        if name.endswith("_open") and not isinstance(value, bool | None):
            raise InvalidRequest(f"{place}: true or false", param=place, code="invalid_value")
    if not any(isinstance(value, str) and value.strip() for value in card.values()):
        raise InvalidRequest(
            "card: say what it is, at least its name and a description",
            param="card",
            code="missing_field",
        )
    return msgspec.json.encode(dict(sorted(card.items())))


def published_price(
    given: PriceSettings | None, source: Source, settings: Settings
) -> PublishedPrice:
    """Return what buyers of that deployment pay: `given`, and at its service tiers as much more or
    less as it costs there.

    Raises InvalidRequest: `price_missing` where either is not known, `price_below_cost`.
    """
    if given is None:
        raise InvalidRequest(
            "the price is missing: say what input and output cost, be it 0",
            param="price",
            code="price_missing",
        )
    try:
        cost = source.price(settings)
        price = parse_price(given, settings, "publication")
    except ConfigError as error:
        message = error.message.removeprefix("publication.price.")
        raise InvalidRequest(f"the price: {message}", param="price") from None
    if not cost.is_known:
        raise InvalidRequest(
            f"nobody has said what the deployment {source.name!r} itself costs; set its price"
            " first, be it 0",
            param="deployment",
            code="price_missing",
        )
    below = first_below(price, cost)
    if below is not None:
        raise _below_cost(below, source.name)
    tiers = {name: price.times(parse_nano(factor)) for name, factor in source.tiers.items()}
    return PublishedPrice(price, tiers)


def kept_price(offer: Offered, source: Source | None, settings: Settings) -> PublishedPrice:
    """Return the price that a publication has, for a new version that says no other one. `source`
    is what serves it, None where that is gone.

    Raises InvalidRequest `price_below_cost` where serving it has come to cost more. What it costs
    is not held against a price where nobody knows it: then nothing about the price is new.
    """
    below = None if source is None else below_cost(offer, source, settings)
    if source is not None and below is not None:
        raise _below_cost(
            below,
            source.name,
            "; the price was to stay as it is: give one that is not below. Nothing was changed",
        )
    return offer.price


def below_cost(offer: Offered, source: Source, settings: Settings) -> Below | None:
    """Return the first part of its price, at any service tier, that is below what serving it costs
    now; None where there is none, and where that is not known.
    """
    try:
        cost = source.price(settings)
    except ConfigError:
        return None
    usual = offer.price.usual
    for name, factor in {"": "1", **source.tiers}.items():
        price = offer.price.tiers.get(name, usual)
        if (below := first_below(price, cost.times(parse_nano(factor)))) is not None:
            return below
    return None


def first_below(price: Price, cost: Price) -> Below | None:
    """Return the first part of `price` that is below `cost`, for prompts of any length; None
    where there is none, so that nothing is ever sold for less than it costs.
    """
    if price.request_nano < cost.request_nano:
        return Below("request", price.request_nano, cost.request_nano, 0)
    steps = {0, *(r.above_tokens for p in (price, cost) for r in p.long_context)}
    for above_tokens in sorted(steps):
        asked, costs = rates_at(price, above_tokens + 1), rates_at(cost, above_tokens + 1)
        for part in _PARTS:
            field = f"{part}_nano_per_mtok"
            one, other = getattr(asked, field), getattr(costs, field)
            if one < other:
                return Below(_NAMES[part], one, other, above_tokens)
    return None


def _below_cost(below: Below, name: str, what_to_do: str = "") -> InvalidRequest:
    above = f" for prompts above {below.above_tokens} tokens" if below.above_tokens else ""
    return InvalidRequest(
        f"price.{below.part}: {format_nano(below.price_nano)} is below the"
        f" {format_nano(below.cost_nano)} that {name!r} itself costs{above}{what_to_do}",
        param="price",
        code="price_below_cost",
    )
