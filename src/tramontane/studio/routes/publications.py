"""`/api/v1/publications`: models that a project offers to others, with card, terms and price.

Who publishes, and what a buyer accepts, is decided here; the gateway holds it at each request.
"""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from litestar import delete, get, post, put
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import UNSET, UnsetType
from sqlalchemy import Connection

from tramontane.errors import Forbidden, InvalidRequest
from tramontane.governance import offering
from tramontane.governance.offering import Source
from tramontane.pricing import LongContextSettings, PriceSettings
from tramontane.store import deployments, projects, publications, routes, subscriptions
from tramontane.store.publications import Offer
from tramontane.store.records import Offered, PublishedPrice, Subscription
from tramontane.store.windows import time_name
from tramontane.studio import publishing
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.moments import optional_name
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform, Platform
from tramontane.studio.publishing import is_publisher, require_manager
from tramontane.studio.routes.projects import scope_of
from tramontane.studio.routes.status import PriceView, price_view

TAG = "Publications"
State = Literal["offered", "withdrawn", "deployment_gone"]


class NewLongContext(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every token of a request costs whose prompt has more than `above_tokens`."""

    above_tokens: int
    input_per_mtok: str
    output_per_mtok: str
    cached_input_per_mtok: str | None = None
    cache_write_per_mtok: str | None = None
    cache_write_1h_per_mtok: str | None = None


class PublishedPriceInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Decimals in quotes, per million tokens (`request` per request), in `currency`, the
    platform's where null: at the rate of the day it is published. No part may be below what the
    deployment itself costs. Input and output have to be said, be they "0".
    """

    input_per_mtok: str | None = None
    output_per_mtok: str | None = None
    cached_input_per_mtok: str | None = None
    cache_write_per_mtok: str | None = None
    cache_write_1h_per_mtok: str | None = None
    request: str = "0"
    currency: str | None = None
    long_context: list[NewLongContext] = []


class NewPublication(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is published. `name` is `PROJECT/slug`, or the slug alone; it is given once and for
    ever. `card` has the fields of the catalogue's cards. `audience` null offers it to every
    project, else to those: by their ids, which who is no operator must be told.
    `allow_shared` says that a deployment that is everybody's is meant, although projects can ask
    for it by its own name, without these terms and at its own price.
    """

    name: str
    project_id: str
    deployment: str
    card: dict[str, Any]
    terms: str
    price: PublishedPriceInput | None = None
    audience: list[str] | None = None
    allow_shared: bool = False


class PublicationChanges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the new version says otherwise; what is left out stays as it is."""

    card: dict[str, Any] | UnsetType = UNSET
    terms: str | UnsetType = UNSET
    price: PublishedPriceInput | UnsetType | None = UNSET
    audience: list[str] | UnsetType | None = UNSET


class SubscriptionView(msgspec.Struct, frozen=True, kw_only=True):
    """A project's acceptance of a version. Who accepted it is told to that project only."""

    project_id: str
    project: str
    version: int
    accepted_at: str
    accepted_by: str | None
    ended_at: str | None


class PublicationView(msgspec.Struct, frozen=True, kw_only=True):
    """A publication in one of its versions; `price` in the platform's currency.

    `deployment`, `is_shared` (whether that is everybody's, so that projects can have it by its own
    name and price) and `is_below_cost` (whether what serves it now costs more than the price) are
    told to its publisher and to operators; `audience` to others as far as it is about them.
    `subscription` is the asking project's, null where it has accepted nothing; `subscriptions`
    those of all the caller's projects.
    """

    id: str
    name: str
    project_id: str
    publisher: str
    deployment: str | None
    is_shared: bool | None
    version: int
    card: dict[str, Any]
    terms: str
    price: PriceView
    service_tiers: dict[str, PriceView]
    audience: tuple[str, ...] | None
    state: State
    is_own: bool
    is_below_cost: bool | None
    subscription: SubscriptionView | None
    subscriptions: list[SubscriptionView]
    created_at: str
    changed_at: str
    withdrawn_at: str | None


class PublicationList(msgspec.Struct, frozen=True):
    """Publications by name."""

    data: list[PublicationView]


class Acceptance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which version's terms and price are accepted: the newest, as it was read."""

    version: int


class SubscriptionList(msgspec.Struct, frozen=True):
    """Who has accepted what, those first who did so first; `live` are those not ended."""

    live: int
    data: list[SubscriptionView]


@get(
    "/publications",
    **describe("listPublications", "List publications", TAG, right="read", errors=(404,)),
)
def list_publications(
    platform: GivenPlatform, caller: GivenCaller, project_id: FromQuery[str | None] = None
) -> PublicationList:
    """One's own, those offered to one's projects, and those they have accepted; an operator sees
    all. With `project_id` for that project: as it sees them.
    """
    with platform.store.read() as c:
        scope = scope_of(c, caller, project_id)
        found = publications.visible(c, scope or (), scope is None)
        shown = _Showing(c, platform, caller, scope)
        return PublicationList([shown.view(offer) for offer in found])


@post(
    "/publications",
    **describe(
        "createPublication", "Publish a deployment", TAG, right="read", errors=(404, 409, 413)
    ),
)
def create_publication(
    platform: GivenPlatform, caller: GivenCaller, data: JSONBody[NewPublication]
) -> PublicationView:
    """For who manages the project, of what is its own; for operators, of everybody's as well. It
    is served by that deployment alone, within two seconds.
    """
    with platform.store.write() as c:
        project = require_manager(c, caller, data.project_id)
        found = offering.sources(platform.settings, deployments.list_all(c))
        source = publishing.publishable(
            caller, project, data.deployment, found, allow_shared=data.allow_shared
        )
        offer = Offer(
            card=offering.check_card(data.card),
            terms=data.terms,
            price=_price(data.price, source, platform),
            audience=publishing.audience_of(c, caller, data.audience),
        )
        made = publications.publish(
            c,
            project=project,
            name=data.name,
            deployment=source.name,
            is_shared=source.project_id is None,
            offer=offer,
            taken=routes.known(c, platform.settings)[1],
            created_by=publishing.author_of(caller),
            now_ms=platform.clock_ms(),
        )
        return _Showing(c, platform, caller, (project.id,)).view(made)


@get(
    "/publications/{publication_id:str}",
    **describe("getPublication", "Show a publication", TAG, right="read", errors=(404,)),
)
def get_publication(
    platform: GivenPlatform,
    caller: GivenCaller,
    publication_id: FromPath[str],
    version: FromQuery[int | None] = None,
    project_id: FromQuery[str | None] = None,
) -> PublicationView:
    """Its newest version, or an earlier one to whom that was offered and who accepted it."""
    with platform.store.read() as c:
        scope = scope_of(c, caller, project_id)
        offer = publishing.seen_version(c, caller, publication_id, version)
        return _Showing(c, platform, caller, scope).view(offer)


@put(
    "/publications/{publication_id:str}",
    **describe(
        "changePublication", "Publish a new version", TAG, right="read", errors=(404, 409, 413)
    ),
)
def change_publication(
    platform: GivenPlatform,
    caller: GivenCaller,
    publication_id: FromPath[str],
    data: JSONBody[PublicationChanges],
) -> PublicationView:
    """For who manages its project. Buyers keep the version that they have accepted until they
    accept this one or end it. Where nothing changes, no version is made. A price that is left out
    stays, unless serving it has come to cost more: then a new one has to be said.
    """
    with platform.store.write() as c:
        before = _managed(c, caller, publication_id)
        found = offering.sources(platform.settings, deployments.list_all(c))
        offer = Offer(
            card=before.card if data.card is UNSET else offering.check_card(data.card),
            terms=before.terms if data.terms is UNSET else data.terms,
            price=offering.kept_price(before, offering.source_of(before, found), platform.settings)
            if data.price is UNSET
            else _price(data.price, _present(before, found), platform),
            audience=before.audience
            if data.audience is UNSET
            else publishing.audience_of(c, caller, data.audience),
        )
        changed = publications.change(
            c,
            before.id,
            offer,
            created_by=publishing.author_of(caller),
            now_ms=platform.clock_ms(),
        )
        return _Showing(c, platform, caller, (before.project_id,)).view(changed)


@delete(
    "/publications/{publication_id:str}",
    status_code=200,
    **describe("withdrawPublication", "Offer a model no more", TAG, right="read", errors=(404,)),
)
def withdraw_publication(
    platform: GivenPlatform, caller: GivenCaller, publication_id: FromPath[str]
) -> PublicationView:
    """For who manages its project. Nobody's new requests are served within two seconds; streams
    that are open go on to their end. Its name stays taken.
    """
    with platform.store.write() as c:
        before = _managed(c, caller, publication_id)
        withdrawn = publications.withdraw(c, before.id, platform.clock_ms())
        return _Showing(c, platform, caller, (before.project_id,)).view(withdrawn)


@get(
    "/publications/{publication_id:str}/subscriptions",
    **describe(
        "listSubscriptions", "List who has accepted a publication", TAG, right="read", errors=(404,)
    ),
)
def list_subscriptions(
    platform: GivenPlatform, caller: GivenCaller, publication_id: FromPath[str]
) -> SubscriptionList:
    """For its publisher and operators; ended ones too."""
    with platform.store.read() as c:
        offer = publications.seen(c, publication_id, caller.project_ids, caller.is_operator)
        if not is_publisher(caller, offer):
            raise Forbidden("This is for the publication's publisher.", code="managers_only")
        found = subscriptions.history(c, offer.id)
        shown = _Showing(c, platform, caller, None)
        data = [shown.subscription(each) for each in found]
    return SubscriptionList(live=sum(each.ended_at is None for each in data), data=data)


@put(
    "/publications/{publication_id:str}/subscriptions/{project_id:str}",
    **describe(
        "acceptPublication",
        "Accept a publication's terms and price for a project",
        TAG,
        right="read",
        errors=(404, 409, 413),
    ),
)
def accept_publication(
    platform: GivenPlatform,
    caller: GivenCaller,
    publication_id: FromPath[str],
    project_id: FromPath[str],
    data: JSONBody[Acceptance],
) -> PublicationView:
    """For who manages the buying project. It pays that price from its budgets, as for any model,
    within two seconds. `version` must be the newest.
    """
    with platform.store.write() as c:
        project = require_manager(c, caller, project_id)
        offer = publications.seen(c, publication_id, (project.id,), False)
        subscriptions.accept(
            c,
            offer,
            project_id=project.id,
            version=data.version,
            accepted_by=publishing.author_of(caller),
            now_ms=platform.clock_ms(),
        )
        return _Showing(c, platform, caller, (project.id,)).view(publications.get(c, offer.id))


@delete(
    "/publications/{publication_id:str}/subscriptions/{project_id:str}",
    status_code=204,
    **describe("endSubscription", "Use a publication no more", TAG, right="read", errors=(404,)),
)
def end_subscription(
    platform: GivenPlatform,
    caller: GivenCaller,
    publication_id: FromPath[str],
    project_id: FromPath[str],
) -> None:
    """For who manages the buying project. What was used until then stays on the statements."""
    with platform.store.write() as c:
        project = require_manager(c, caller, project_id)
        offer = publications.seen(c, publication_id, (project.id,), False)
        subscriptions.end(c, offer.id, project.id, platform.clock_ms())


class _Showing:
    """What publications show to one caller, asking for `scope` (None: for all projects)."""

    def __init__(
        self, c: Connection, platform: Platform, caller: Caller, scope: tuple[str, ...] | None
    ) -> None:
        self._platform = platform
        self._caller = caller
        self._asking = caller.project_ids if scope is None else scope
        self._sources = offering.sources(platform.settings, deployments.list_all(c))
        every = projects.list_all(c)
        self._projects = {project.id: project.name for project in every}
        self._closed = {project.id for project in every if project.closed_reason is not None}
        self._members = publishing.names_of(c)
        self._live: dict[str, list[Subscription]] = {}
        for each in subscriptions.live(c, self._asking):
            self._live.setdefault(each.publication_id, []).append(each)

    def view(self, offer: Offered) -> PublicationView:
        caller, currency = self._caller, self._platform.settings.currency
        source = offering.source_of(offer, self._sources)
        is_ours = is_publisher(caller, offer)
        mine = [self.subscription(each) for each in self._live.get(offer.id, ())]
        audience = offer.audience
        if audience is not None and not is_ours:
            audience = tuple(id_ for id_ in audience if id_ in caller.project_ids)
        return PublicationView(
            id=offer.id,
            name=offer.name,
            project_id=offer.project_id,
            publisher=offer.publisher,
            deployment=offer.deployment if is_ours else None,
            is_shared=offer.is_shared if is_ours else None,
            version=offer.version,
            card=msgspec.json.decode(offer.card),
            terms=offer.terms,
            price=price_view(offer.price.usual, currency),
            service_tiers={n: price_view(p, currency) for n, p in offer.price.tiers.items()},
            audience=audience,
            state=self._state(offer, source),
            is_own=offer.project_id in caller.project_ids,
            is_below_cost=self._is_below_cost(offer, source) if is_ours else None,
            subscription=mine[0] if mine else None,
            subscriptions=mine,
            created_at=time_name(offer.created_at_ms),
            changed_at=time_name(offer.changed_at_ms),
            withdrawn_at=optional_name(offer.withdrawn_at_ms),
        )

    def subscription(self, each: Subscription) -> SubscriptionView:
        """Return an acceptance; who gave it is its own project's to know."""
        is_theirs = self._caller.may_see(each.project_id)
        return SubscriptionView(
            project_id=each.project_id,
            project=self._projects[each.project_id],
            version=each.version,
            accepted_at=time_name(each.accepted_at_ms),
            accepted_by=self._members.get(each.accepted_by) if is_theirs else None,
            ended_at=optional_name(each.ended_at_ms),
        )

    def _state(self, offer: Offered, source: Source | None) -> State:
        if offer.withdrawn_at_ms is not None:
            return "withdrawn"
        if source is None or offer.project_id in self._closed:
            return "deployment_gone"
        return "offered"

    def _is_below_cost(self, offer: Offered, source: Source | None) -> bool | None:
        if source is None:
            return None
        return offering.below_cost(offer, source, self._platform.settings) is not None


def _managed(c: Connection, caller: Caller, publication_id: str) -> Offered:
    """Return a publication whose project the caller manages. Raises NotFound, Forbidden."""
    offer = publications.seen(c, publication_id, caller.project_ids, caller.is_operator)
    if not is_publisher(caller, offer):
        raise Forbidden("This is for the publication's publisher.", code="managers_only")
    require_manager(c, caller, offer.project_id)
    return publications.get(c, offer.id)


def _present(offer: Offered, found: Mapping[str, Source]) -> Source:
    source = offering.source_of(offer, found)
    if source is None:
        raise InvalidRequest(
            "the deployment behind it is gone, so nobody knows what it costs; leave the price as"
            " it is, or withdraw it",
            param="price",
            code="publication_unserved",
        )
    return source


def _price(given: PublishedPriceInput | None, source: Source, platform: Platform) -> PublishedPrice:
    said = None
    if given is not None and given.input_per_mtok is not None and given.output_per_mtok is not None:
        fields = msgspec.structs.asdict(given)
        longer = tuple(
            LongContextSettings(**msgspec.structs.asdict(each)) for each in given.long_context
        )
        said = PriceSettings(**{**fields, "long_context": longer})
    return offering.published_price(said, source, platform.settings)
