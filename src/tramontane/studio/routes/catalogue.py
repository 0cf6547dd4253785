"""`/api/v1/catalog`: models found, compared, and each fact with its source.

Everybody who may read sees the same catalogue; cards that a project added to it are seen by that
project and by operators. Who publishes or offers a model changes neither what is found nor where
it stands.
"""

import time
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy import Connection

from tramontane.catalog import own, quantities
from tramontane.catalog.cards import Card, Field
from tramontane.catalog.comparing import Comparison, check_ids, compare
from tramontane.catalog.prices import Mix
from tramontane.catalog.queries import Asked, read
from tramontane.catalog.views import (
    CardView,
    FoundModels,
    HereView,
    MixView,
    PublicationView,
    whole,
)
from tramontane.errors import Conflict, Forbidden, InvalidRequest, NotFound
from tramontane.store import cards, publications
from tramontane.store.records import Offered
from tramontane.store.windows import time_name
from tramontane.studio import serving
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform, Platform
from tramontane.studio.routes.projects import seen_by
from tramontane.studio.routes.status import all_deployments, served_by, visible_to

Values = Annotated[list[str] | None, QueryParameter(description="Any of these; may be repeated.")]
Share = Annotated[str, QueryParameter(description="Parts of the tokens whose price is asked for.")]


class SourceView(msgspec.Struct, frozen=True, kw_only=True):
    """A source of facts, and of which day and under which licence it is."""

    id: str
    title: str
    version: str
    date: str
    licence: str


class SourceList(msgspec.Struct, frozen=True, kw_only=True):
    """The sources, and how much has come together from them."""

    built_on: str
    cards: int
    offers: int
    data: list[SourceView]


class CompletenessView(msgspec.Struct, frozen=True, kw_only=True):
    """Of how many cards a field is known, and of how many of those sources disagree. `share` is of
    all cards, from 0 to 1.
    """

    field: Field
    known: int
    conflicting: int
    share: float


class CompletenessList(msgspec.Struct, frozen=True, kw_only=True):
    """Every field of a card."""

    cards: int
    data: list[CompletenessView]


class NewCard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A card as files have it, docs/catalogue-sources.md: `id`, `name` and whatever else is known.
    `project_id` is whose it is; null: everybody's.
    """

    card: dict[str, Any]
    project_id: str | None = None


@get(
    "/catalog/models",
    **describe("findModels", "Find models in the catalogue", "Catalogue", right="read"),
)
def find_models(
    platform: GivenPlatform,
    caller: GivenCaller,
    q: Annotated[
        str | None, QueryParameter(description="Words of names, publishers and descriptions.")
    ] = None,
    publisher: Values = None,
    openness: Values = None,
    licence: Values = None,
    language: Values = None,
    ability: Values = None,
    kind: Values = None,
    modality: Values = None,
    provider: Values = None,
    jurisdiction: Values = None,
    min_context: Annotated[str | None, QueryParameter(description="Such as 32k.")] = None,
    max_context: Annotated[str | None, QueryParameter(description="Such as 128k.")] = None,
    min_parameters: Annotated[str | None, QueryParameter(description="Such as 7B.")] = None,
    max_parameters: Annotated[str | None, QueryParameter(description="Such as 70B.")] = None,
    max_price: Annotated[
        str | None, QueryParameter(description="Per million tokens at the mix, such as 1 or 1 EUR.")
    ] = None,
    price_in: Share = "3",
    price_out: Share = "1",
    price_cached: Share = "0",
    fits: Annotated[
        bool, QueryParameter(description="Only what fits into this machine's free memory.")
    ] = False,
    offered: Annotated[
        list[str] | None,
        QueryParameter(description="As files (`local`), by a `provider`, or deployed `here`."),
    ] = None,
    sort: Annotated[
        str, QueryParameter(description="best, price, context, size, newest or name.")
    ] = "best",
    limit: Annotated[int, QueryParameter(description="At most 200.")] = 50,
    offset: Annotated[int, QueryParameter(description="How many to leave out before.")] = 0,
) -> FoundModels:
    """Different conditions must all hold, of several values of one any. What is asked of
    providers, jurisdictions and prices must hold for one and the same offer. A price that nobody
    has said is never under a limit. The count beside a value is what it would find with all other
    conditions as they are.
    """
    began = time.perf_counter()
    values = {
        "publisher": publisher, "openness": openness, "licence": licence, "language": language,
        "ability": ability, "kind": kind, "modality": modality, "provider": provider,
        "jurisdiction": jurisdiction,
    }  # fmt: skip
    asked = Asked(
        text=q,
        values={facet: given for facet, given in values.items() if given},  # type: ignore[misc]
        min_context=min_context,
        max_context=max_context,
        min_parameters=min_parameters,
        max_parameters=max_parameters,
        max_price=max_price,
        price_in=price_in,
        price_out=price_out,
        price_cached=price_cached,
        fits=fits,
        offered=offered or (),
        sort=sort,
        limit=limit,
        offset=offset,
    )
    catalogue = platform.catalogue
    found = catalogue.finder().search(
        read(asked, catalogue.exchange),
        memory=catalogue.memory(),
        here=_names_here(platform, caller),
        seen_by=None if caller.is_operator else caller.project_ids,
    )
    return msgspec.structs.replace(found, took_ms=_ms_since(began))


@get(
    "/catalog/models/{card_id:path}",
    **describe("getModelCard", "Show a model's card", "Catalogue", right="read", errors=(404,)),
)
def get_card(
    platform: GivenPlatform,
    caller: GivenCaller,
    card_id: FromPath[str],
    price_in: Share = "3",
    price_out: Share = "1",
    price_cached: Share = "0",
) -> CardView:
    """All that is known of a model: each fact with source and date, and what other sources say
    instead. What is not there is unknown.
    """
    mix = quantities.mix(price_in, price_out, price_cached)
    (view,) = _cards(platform, caller, (card_id.removeprefix("/"),), mix)
    return view


@get(
    "/catalog/compare",
    **describe("compareModels", "Compare models", "Catalogue", right="read", errors=(404,)),
)
def compare_models(
    platform: GivenPlatform,
    caller: GivenCaller,
    id: Annotated[  # noqa: A002 - the name in the address
        list[str], QueryParameter(description="Two to six models.")
    ],
    price_in: Share = "3",
    price_out: Share = "1",
    price_cached: Share = "0",
) -> Comparison:
    """Two to six models row by row, with what differs and, of prices, context and memory, which is
    best. Prices are those of the mix of tokens.
    """
    mix = quantities.mix(price_in, price_out, price_cached)
    views = _cards(platform, caller, check_ids(id), mix)
    shown = MixView(input=mix.input, output=mix.output, cached=mix.cached)
    return compare(views, platform.settings.currency, shown)


@get(
    "/catalog/sources",
    **describe("listCatalogueSources", "List the catalogue's sources", "Catalogue", right="read"),
)
def list_sources(platform: GivenPlatform) -> SourceList:
    """Where the facts were read, when, and under which licence."""
    finder = platform.catalogue.finder()
    return SourceList(
        built_on=finder.built_on,
        cards=finder.cards,
        offers=finder.offers,
        data=[
            SourceView(**msgspec.structs.asdict(source))
            for _, source in sorted(finder.sources.items())
        ],
    )


@get(
    "/catalog/completeness",
    **describe("reportCompleteness", "Say how much is known", "Catalogue", right="read"),
)
def report_completeness(platform: GivenPlatform) -> CompletenessList:
    """How many cards have each field, of those that everybody sees."""
    finder = platform.catalogue.finder()
    return CompletenessList(
        cards=finder.cards,
        data=[CompletenessView(**msgspec.structs.asdict(f)) for f in finder.completeness()],
    )


@post(
    "/catalog/cards",
    **describe(
        "addCard", "Add a card of one's own", "Catalogue", right="read", errors=(404, 409, 413)
    ),
)
def add_card(platform: GivenPlatform, caller: GivenCaller, data: JSONBody[NewCard]) -> CardView:
    """A manager may add cards for their project, an operator for everybody as well. One of the
    same id and project is replaced.
    """
    now_ms = platform.clock_ms()
    with platform.store.read() as c:
        project_id = _may_change(c, caller, data.project_id)
    card = _read_card(data.card, time_name(now_ms)[:10])
    if platform.catalogue.finder().is_packed(card.id):
        raise Conflict(
            f"The catalogue has a card {card.id!r} already; give yours another id.", param="id"
        )
    encoded = msgspec.json.encode(card)
    with platform.store.write() as c:
        cards.put(c, card_id=card.id, data=encoded, project_id=project_id, now_ms=now_ms)
    (view,) = _cards(platform, caller, (card.id,), Mix())
    return view


@delete(
    "/catalog/cards/{card_id:path}",
    status_code=204,
    **describe(
        "removeCard", "Forget a card of one's own", "Catalogue", right="read", errors=(404,)
    ),
)
def remove_card(platform: GivenPlatform, caller: GivenCaller, card_id: FromPath[str]) -> None:
    """Managers of its project may, of everybody's operators. Cards of the catalogue stay."""
    wanted = card_id.removeprefix("/")
    with platform.store.write() as c:
        found = next((card for card in cards.list_all(c) if card.id == wanted), None)
        owner = None if found is None else found.project_id
        if found is None or (owner is not None and not caller.may_see(owner)):
            raise NotFound(f"There is no card {wanted[:120]!r} that was added here.", param="id")
        _may_change(c, caller, owner)
        cards.remove(c, wanted)


def _read_card(given: dict[str, Any], today: str) -> Card:
    """Return the card. Raises InvalidRequest naming the field."""
    try:
        (written,) = own.read(msgspec.json.encode(given), "card.json", today)
    except InvalidRequest as error:
        said = error.message.removeprefix("card.json, line 1, ").removeprefix("card.json: ")
        raise InvalidRequest(f"The card: {said}.", param=error.param) from None
    except ValueError:  # a list under `cards`, and not of one
        raise InvalidRequest("card: give one card.", param="card") from None
    return written.card


def _may_change(c: Connection, caller: Caller, project_id: str | None) -> str | None:
    """Return the project whose cards the caller changes, None for everybody's.

    Raises NotFound, Forbidden.
    """
    found = None if project_id is None else seen_by(c, caller, project_id).id
    is_allowed = caller.is_operator if found is None else caller.may_manage(found)
    if not is_allowed:
        raise Forbidden(
            "Only operators may change what everybody sees; name a project that you manage."
            if found is None
            else "Only managers of the project may change its cards."
        )
    return found


def _cards(platform: Platform, caller: Caller, ids: Iterable[str], mix: Mix) -> list[CardView]:
    """Return the cards as the caller sees them. Raises NotFound."""
    catalogue = platform.catalogue
    finder = catalogue.finder()
    looking = finder.looking(mix, catalogue.memory())
    projects = None if caller.is_operator else caller.project_ids
    found = [finder.card(card_id, projects) for card_id in ids]
    every = serving.with_states(all_deployments(platform), platform.tokens.states())
    here = catalogue.here(visible_to(caller, every))
    offered = _publications(platform, caller, every)
    return [
        whole(
            card,
            looking,
            [HereView(deployment=d.name, state=d.state) for d in here.get(card.id, ())],
            offered.get(card.id, ()),
            own=added is not None,
        )
        for card, added in found
    ]


def _names_here(platform: Platform, caller: Caller) -> dict[str, list[str]]:
    found = platform.catalogue.here(visible_to(caller, all_deployments(platform)))
    return {card_id: [d.name for d in of_card] for card_id, of_card in found.items()}


def _publications(
    platform: Platform, caller: Caller, every: list[serving.Deployment]
) -> dict[str, list[PublicationView]]:
    """Return the models that projects offer to the caller, by the card that they say they are.

    Which deployment is behind one, and so which card, only its publisher and operators are told.
    """
    with platform.store.read() as c:
        visible = publications.visible(c, caller.project_ids, caller.is_operator)
    offers = [(o, served_by(o, every)) for o in visible if o.withdrawn_at_ms is None]
    here = platform.catalogue.here(deployment for _, deployment in offers if deployment)
    behind = {d.name: card_id for card_id, of_card in here.items() for d in of_card}
    finder = platform.catalogue.finder()
    found: dict[str, list[PublicationView]] = {}
    for offer, deployment in offers:
        if deployment is None:
            continue
        said = _said_to_be(offer)
        card_ids = {finder.card_of(model=name) for name in said}
        if caller.is_operator or offer.project_id in caller.project_ids:
            card_ids.add(behind.get(deployment.name))
        for card_id in card_ids - {None}:
            view = PublicationView(id=offer.id, name=offer.name)
            found.setdefault(str(card_id), []).append(view)
    return found


def _said_to_be(offer: Offered) -> list[str]:
    """Return the names of models by which a publication's own card says what it is."""
    card: dict[str, Any] = msgspec.json.decode(offer.card)
    told = (card.get(field) for field in ("repository", "base_model", "name"))
    return [name for name in told if isinstance(name, str)]


def _ms_since(began_s: float) -> float:
    return round((time.perf_counter() - began_s) * 1000, 2)
