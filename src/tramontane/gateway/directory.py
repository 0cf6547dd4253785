"""Who may ask for what, and where it is served: one frozen picture in memory.

The gateway swaps the whole directory when it is told of a change; a request keeps the one it
began with. It does not know the store or sockets: `build` makes it from records.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tramontane import config
from tramontane.config import DeploymentSettings, Origin, RouteCondition, Settings
from tramontane.engines.keys import engine_key
from tramontane.engines.plan import LocalModel, local_models
from tramontane.errors import TramontaneError
from tramontane.governance import facts, policies
from tramontane.governance.facts import Facts
from tramontane.governance.placing import own_chip
from tramontane.governance.policies import Policy, Terms
from tramontane.money import NANO, Price, bound_nano
from tramontane.providers.reach import reach_of
from tramontane.providers.remote import RemoteModel, price_of, read_key, remote_models
from tramontane.store.journal import SaleRecord
from tramontane.store.planning import merged_routes, owners
from tramontane.store.records import (
    Budget,
    Drill,
    EngineInstance,
    Key,
    Picture,
    Project,
    PublishedName,
    PublishedPrice,
)
from tramontane.wire.canonical import Operation

OUTPUT_TOKENS_ASSUMED = 16_384
REMOTE_IN_FLIGHT = 1_024
_WAITED_FOR = ("asleep", "starting")  # of an engine that may sleep
_TIERED = ("openai", "azure_openai")  # who is passed the field as it was asked


class Deployment(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A model made servable. `origin` None: not up, `unavailable_reason` says why.

    All the same it `can_serve` where it starts for whoever waits: see `gateway.sleeping`.
    """

    name: str
    origin: Origin | None
    unavailable_reason: str | None
    state: str
    authorization: bytes | None
    ca_file: str | None
    upstream_model: msgspec.Raw
    price: Price
    is_local: bool
    is_demonstration: bool
    is_capable: bool
    max_in_flight: int
    queue_limit: int
    queue_timeout_s: float
    context_tokens: int | None
    max_output_tokens: int | None
    max_tokens_field: str
    template_tokens: int
    image_tokens: int
    asks_stream_usage: bool
    trusts_stream_usage: bool
    shares_prompt_cache: bool
    supports_tools: bool
    dialect: str = "openai"
    secret: str | None = None
    provider: str = ""
    region: str = ""
    drops_unsupported: bool = False
    facts: frozenset[str] = frozenset()  # whose it is and where, such as `owner:…`, for drills
    terms: Terms = Terms(facts=Facts())  # what policies ask about
    service_tiers: Mapping[str, Price] = {}
    operations: frozenset[Operation] | None = None  # None: whatever its dialect has
    can_serve: bool = True
    nonce: str = ""  # of the child that serves it here
    sleeps_after_s: float | None = None
    cold_start_s: float | None = None
    project_id: str | None = None  # whose own it is; None: everybody's
    sale: "Sale | None" = None  # bought: its price, in terms and tiers too, is the publication's

    @property
    def shown_name(self) -> str:
        """What those are told who may ask for it: who buys knows the publication only."""
        return self.name if self.sale is None else self.sale.name

    def price_at(self, tier: str | None) -> Price:
        """Return the dearer of the usual price and that at the service tier that is asked for."""
        found = self.service_tiers.get(tier) if tier is not None else None
        if found is None or self.dialect not in _TIERED:
            return self.price
        return max(self.price, found, key=lambda price: bound_nano(price, NANO, NANO))

    @property
    def gives_vectors(self) -> bool:
        """Whether it is for embeddings, and nobody can talk to it."""
        return self.operations is not None and "chat" not in self.operations


class Sale(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Under which publication, in which version, a deployment is bought, and from whom. `own` is
    the deployment as its publisher has it.
    """

    publication_id: str
    name: str
    version: int
    publisher_id: str
    own: Deployment

    def record(self, tier: str | None) -> SaleRecord:
        """Return what the journal has to say of it, at the service tier that is asked for."""
        price = self.own.price_at(tier)
        return SaleRecord(self.publication_id, self.version, self.publisher_id, price)


class Target(msgspec.Struct, frozen=True, eq=False):
    """One deployment of a route: neighbours with a weight share one step of its order."""

    deployment: Deployment
    weight: int | None = None
    when: RouteCondition | None = None


class Route(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What a public name stands for: see `config.RouteSettings`.

    Not `is_shared`: some of its deployments are a project's own, and only served there.
    """

    targets: tuple[Target, ...]
    fallbacks: tuple[str, ...] = ()
    retries: int = 0
    timeout_s: float | None = None
    deadline_s: float | None = None
    is_shared: bool = True

    def within(self, project_id: str) -> "Route | None":
        """Return the route as that project may use it, None where nothing of it is for it."""
        if self.is_shared:
            return self
        targets = tuple(t for t in self.targets if t.deployment.project_id in (None, project_id))
        if self.targets and not targets:
            return None
        return msgspec.structs.replace(self, targets=targets)


class Published(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What the name of a publication stands for: to each of the projects that may use it, a route.
    One without targets: what serves it is gone. `audience` None: it is offered to everybody.
    """

    name: str
    is_withdrawn: bool
    audience: frozenset[str] | None
    routes: Mapping[str, Route]

    def is_known_to(self, project_id: str) -> bool:
        """Whether that project may know that it is there."""
        return project_id in self.routes or self.audience is None or project_id in self.audience

    def route_of(self, project_id: str) -> Route | None:
        """Return what serves it to that project now, None where nothing does."""
        route = None if self.is_withdrawn else self.routes.get(project_id)
        return route if route is not None and route.targets else None


@dataclass(frozen=True, slots=True)
class Principal:
    """A key with its project: whose request it is. Each of the `policies` has to be kept."""

    key: Key
    project: Project
    policies: tuple[Policy, ...] = ()
    has_budget: bool = False

    @property
    def is_bound(self) -> bool:
        """Whether there are models that a policy or a budget may rule out."""
        return self.has_budget or bool(self.policies)

    def allows_model(self, name: str) -> bool:
        """Whether both project and key may use the model `name`."""
        for allowed in (self.project.allowed_models, self.key.allowed_models):
            if allowed is not None and name not in allowed:
                return False
        return True


@dataclass(frozen=True, slots=True)
class Directory:
    """Everything a request is decided by. `routes` maps public names to what serves them,
    `published` those of publications; no name is in both.

    `principals` are found by the digest of a key, `principals_by_id` by its id. `drills`
    are those that run: each ends at its time, whoever tells.
    """

    revision: int
    principals: Mapping[bytes, Principal] = field(default_factory=dict)
    principals_by_id: Mapping[str, Principal] = field(default_factory=dict)
    deployments: Mapping[str, Deployment] = field(default_factory=dict)
    routes: Mapping[str, Route] = field(default_factory=dict)
    budgets: tuple[Budget, ...] = ()
    drills: tuple[Drill, ...] = ()
    published: Mapping[str, Published] = field(default_factory=dict)

    def route_of(self, project_id: str, name: str) -> Route | None:
        """Return what that project is served as `name`, None where that is nothing."""
        route = self.routes.get(name)
        if route is not None:
            return route.within(project_id)
        published = self.published.get(name)
        return None if published is None else published.route_of(project_id)

    def routes_of(self, project_id: str) -> Iterator[tuple[str, Route]]:
        """Yield every name that project is served something as, publications last."""
        for name in (*self.routes, *self.published):
            route = self.route_of(project_id, name)
            if route is not None:
                yield name, route

    def without(self, now_ms: int) -> frozenset[str]:
        """Return what drills have taken away at `now_ms`, such as `provider:mistral`."""
        return frozenset(drill.without for drill in self.drills if now_ms < drill.ends_at_ms)

    def away_s(self, now_ms: int) -> float:
        """Return in how many seconds the last drill of now is over; 0 where there is none."""
        ends_at_ms = max((drill.ends_at_ms for drill in self.drills), default=now_ms)
        return max(0, ends_at_ms - now_ms) / 1000


def build(
    settings: Settings,
    pepper: bytes,
    environ: Mapping[str, str],
    models_dir: Path,
    picture: Picture,
) -> Directory:
    """Return the directory for `picture`. A deployment that cannot be used says why in it."""
    projects_by_id = {project.id: project for project in picture.projects}
    by_deployment = {instance.deployment: instance for instance in picture.instances}
    local = local_models(settings, picture.deployments, picture.models, models_dir)
    deployments: dict[str, Deployment] = {}
    for name, model in local.items():
        deployments[name] = _local(name, model, by_deployment.get(name), settings, pepper)
    for name, remote in remote_models(settings, picture.deployments, picture.providers).items():
        deployments[name] = _remote(remote, settings, pepper, environ)
    for name, owner in owners(settings, picture.deployments).items():
        if name in deployments:
            deployments[name] = msgspec.structs.replace(deployments[name], project_id=owner)
    published = _published(picture, deployments, projects_by_id)
    routes = {
        name: route
        for name, route in _routes(settings, picture, deployments).items()
        # Who has accepted the terms of a publication is served nothing else by its name.
        if name not in published or published[name].is_withdrawn
    }
    principals = [
        _principal(key, projects_by_id[key.project_id], picture.budgets)
        for key in picture.keys
        if key.revoked_at_ms is None and key.project_id in projects_by_id
    ]
    return Directory(
        revision=picture.revision,
        principals={principal.key.digest: principal for principal in principals},
        principals_by_id={principal.key.id: principal for principal in principals},
        deployments=deployments,
        routes=routes,
        budgets=picture.budgets,
        drills=picture.drills,
        published={name: each for name, each in published.items() if name not in routes},
    )


def _published(
    picture: Picture, deployments: Mapping[str, Deployment], projects: Mapping[str, Project]
) -> dict[str, Published]:
    """A publication is served by its deployment alone, as long as that is whose it was when it was
    published: another of the same name is another's, and costs what nobody has agreed to.
    """
    found = {}
    for each in picture.publications:
        own = deployments.get(each.deployment)
        publisher = projects.get(each.project_id)
        is_open = publisher is not None and publisher.closed_reason is None
        if own is not None and (own.project_id != each.owner_id or not is_open):
            own = None
        by_version = {
            version: _only(None if own is None else _sold(each, version, price, own))
            for version, price in each.prices.items()
        }
        routes = {project: by_version.get(v, _only(None)) for project, v in each.subscribers}
        found[each.name] = Published(
            name=each.name,
            is_withdrawn=each.is_withdrawn,
            audience=None if each.audience is None else frozenset(each.audience),
            routes=routes | {each.project_id: _only(own)},
        )
    return found


def _only(deployment: Deployment | None) -> Route:
    return Route(targets=() if deployment is None else (Target(deployment),))


def _sold(
    published: PublishedName, version: int, price: PublishedPrice, own: Deployment
) -> Deployment:
    return msgspec.structs.replace(
        own,
        price=price.usual,
        service_tiers=price.tiers,
        terms=msgspec.structs.replace(own.terms, price=price.usual),
        project_id=None,
        sale=Sale(
            publication_id=published.id,
            name=published.name,
            version=version,
            publisher_id=published.project_id,
            own=own,
        ),
    )


def _principal(key: Key, project: Project, budgets: tuple[Budget, ...]) -> Principal:
    kept = (policies.read(project.policy), policies.read(key.policy))
    return Principal(
        key,
        project,
        policies=tuple(policy for policy in kept if not policy.rules_nothing_out),
        has_budget=any(b.project_id == project.id and b.key_id in (None, key.id) for b in budgets),
    )


def _routes(
    settings: Settings, picture: Picture, deployments: Mapping[str, Deployment]
) -> dict[str, Route]:
    """Every deployment is a public name; a route of the same name stands in front of it."""
    routes = {
        name: Route(targets=(Target(deployment),), is_shared=deployment.project_id is None)
        for name, deployment in deployments.items()
    }
    for name, route in merged_routes(settings.routes, picture.routes).items():
        targets = tuple(
            Target(deployments[target.deployment], target.weight, target.when)
            for target in route.targets
            if target.deployment in deployments
        )
        routes[name] = Route(
            targets=targets,
            is_shared=all(target.deployment.project_id is None for target in targets),
            fallbacks=route.fallbacks,
            retries=route.retries,
            timeout_s=route.timeout_s,
            deadline_s=route.deadline_s,
        )
    return routes


def _remote(
    model: RemoteModel, whole: Settings, pepper: bytes, environ: Mapping[str, str]
) -> Deployment:
    settings = model.settings
    place = f"deployments.{model.name}"
    reason = secret = None
    try:
        if model.problem is None and model.needs_allowed_address:
            reach_of(whole).origin(model.url)  # what may be entered may have changed since
        secret = read_key(model, pepper, environ)
    except TramontaneError as error:
        reason = error.message
    return _deployment(
        model.name,
        settings,
        origin=config.parse_origin(model.url, place) if reason is None else None,
        unavailable_reason=reason,
        state="ready" if reason is None else "failed",
        authorization=f"Bearer {secret}".encode() if secret else None,
        secret=secret,
        price=price_of(model, whole),
        is_local=False,
        is_demonstration=False,
        max_in_flight=settings.max_in_flight or REMOTE_IN_FLIGHT,
        context_tokens=settings.context_tokens,
        supports_tools=True,
        provider=model.provider,
        kind=model.kind,
        region=model.region,
        known=facts.of_place(_place(model), whole.independence, model.name),
        no_training=model.no_training,
        service_tiers=config.parse_service_tiers(settings.price, whole, place),
        operations=frozenset(("embeddings",)) if settings.embeddings else None,
    )


def _place(model: RemoteModel) -> facts.Place:
    return facts.Place(
        provider=model.provider,
        kind=model.kind,
        jurisdiction=model.jurisdiction,
    )


def _local(
    name: str,
    model: LocalModel,
    instance: EngineInstance | None,
    whole: Settings,
    pepper: bytes,
) -> Deployment:
    origin = None
    authorization = None
    state = "starting" if instance is None else instance.state
    reason: str | None = f"The engine of '{name}' is starting."
    if model.problem is not None:
        state, reason = "failed", model.problem
    elif instance is not None and instance.state == "ready" and instance.address is not None:
        host, _, port = instance.address.rpartition(":")
        origin = Origin(False, host, int(port), "/v1")
        authorization = f"Bearer {engine_key(pepper, name, instance.nonce)}".encode()
        reason = None
    elif instance is not None:
        reason = f"The engine of '{name}' is not up: {instance.message or instance.state}."
    sleeps_after_s = model.settings.scale_to_zero_after_s
    made = _deployment(
        name,
        model.settings,
        origin=origin,
        unavailable_reason=reason,
        state=state,
        authorization=authorization,
        secret=None,
        price=config.parse_price(model.settings.price, whole, f"deployments.{name}"),
        is_local=True,
        is_demonstration=model.is_demonstration,
        max_in_flight=model.slots,
        context_tokens=model.context_tokens,
        supports_tools=instance is not None and instance.supports_tools,
        provider=facts.LOCAL,
        kind="",
        region="",
        known=facts.of_local(own_chip(), whole.independence, name),
        no_training=True,
        service_tiers={},
        operations=_operations(model),
    )
    cold_start_ms = None if instance is None else instance.cold_start_ms
    return msgspec.structs.replace(
        made,
        can_serve=origin is not None or (sleeps_after_s is not None and state in _WAITED_FOR),
        nonce="" if instance is None else instance.nonce,
        sleeps_after_s=sleeps_after_s,
        cold_start_s=None if cold_start_ms is None else cold_start_ms / 1_000,
    )


def _operations(model: LocalModel) -> frozenset[Operation]:
    """Return what an engine here can be asked for."""
    if model.gives_vectors:
        return frozenset(("embeddings",))
    return frozenset(("chat",) if model.engine == "guide" else ("chat", "completions", "fim"))


def _deployment(
    name: str,
    settings: DeploymentSettings,
    *,
    origin: Origin | None,
    unavailable_reason: str | None,
    state: str,
    authorization: bytes | None,
    secret: str | None,
    price: Price,
    is_local: bool,
    is_demonstration: bool,
    max_in_flight: int,
    context_tokens: int | None,
    supports_tools: bool,
    provider: str,
    kind: str,
    region: str,
    known: facts.Facts,
    no_training: bool | None,
    service_tiers: Mapping[str, Price],
    operations: frozenset[Operation] | None = None,
) -> Deployment:
    return Deployment(
        name=name,
        origin=origin,
        unavailable_reason=unavailable_reason,
        state=state,
        authorization=authorization,
        ca_file=settings.ca_file,
        upstream_model=msgspec.Raw(msgspec.json.encode(settings.upstream_model or name)),
        price=price,
        is_local=is_local,
        is_demonstration=is_demonstration,
        is_capable=config.is_capable(settings, context_tokens),
        max_in_flight=max_in_flight,
        queue_limit=settings.queue_limit,
        queue_timeout_s=settings.queue_timeout_s,
        context_tokens=context_tokens,
        max_output_tokens=settings.max_output_tokens,
        max_tokens_field=settings.max_tokens_field,
        template_tokens=settings.template_tokens,
        image_tokens=settings.image_tokens,
        asks_stream_usage=is_local or settings.stream_usage == "ask",
        trusts_stream_usage=is_local or settings.stream_usage != "never",
        shares_prompt_cache=settings.share_prompt_cache,
        supports_tools=supports_tools,
        dialect="openai" if is_local else settings.dialect,
        secret=secret,
        drops_unsupported=settings.drop_unsupported,
        provider=provider,
        region=region,
        facts=facts.labels(known),
        terms=Terms(
            facts=known,
            kind=kind,
            is_local=is_local,
            open_weights=settings.open_weights,
            no_training=no_training,
            price=price,
        ),
        service_tiers=service_tiers,
        operations=operations,
        can_serve=origin is not None,
    )
