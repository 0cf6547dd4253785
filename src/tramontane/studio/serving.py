"""Which deployments there are, and which of them a key may know of.

Pure: it puts the plans of local and of remote models and the engines' last words together. It does
not know whether a remote deployment answers: only the gateway asks it.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from tramontane.config import DeploymentSettings, Settings, is_capable, parse_price
from tramontane.engines.plan import LocalModel
from tramontane.errors import TramontaneError
from tramontane.money import Price
from tramontane.providers.reach import reach_of
from tramontane.providers.remote import RemoteModel, price_of
from tramontane.store.publications import Brief
from tramontane.store.records import EngineInstance, EngineState, Offered

Engine = Literal["llama.cpp", "guide", "remote"]
State = Literal[EngineState, "unprobed"]
_FAILED = "Its last answer was an error, or it could not be asked: try its address and key."
Source = Literal["built_in", "file", "store"]


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment with what is known of it. `models` are the public names it answers to.

    `message` is the engine's or the plan's own word on a state that is not ready; it may name
    files of this machine. `state_since_ms` is when an engine last changed. `source` says where it
    is set up; only what is in the store can be removed here. `project_id` is whose own it is,
    None for everybody's; `serves` the deployment behind the publication `publication_id`, whose
    name it then has.
    """

    name: str
    models: tuple[str, ...]
    engine: Engine
    settings: DeploymentSettings
    price: Price
    state: State
    message: str = ""
    state_since_ms: int | None = None
    context_tokens: int | None
    source: Source
    is_demonstration: bool = False
    supports_tools: bool = False
    remote: RemoteModel | None = None
    gives_vectors: bool = False  # and no text: nobody can talk to it
    slots: int | None = None  # of an engine here
    pid: int | None = None
    cold_start_ms: int | None = None  # the last one's
    card_id: str | None = None  # in the catalogue
    project_id: str | None = None
    serves: str | None = None
    publication_id: str | None = None

    @property
    def is_capable(self) -> bool:
        """Whether its answers can be relied on: it is no demonstration, and has room enough."""
        return not self.is_demonstration and is_capable(self.settings, self.context_tokens)


def deployments(
    settings: Settings,
    plan: Mapping[str, LocalModel],
    remote: Mapping[str, RemoteModel],
    instances: Iterable[EngineInstance],
    owners: Mapping[str, str] = {},
) -> list[Deployment]:
    """Return every deployment by name. `owners` are the projects that have some as their own."""
    running = {instance.deployment: instance for instance in instances}
    found = [_local(name, model, running.get(name), settings) for name, model in plan.items()]
    found += [_remote(model, settings) for model in remote.values()]
    found = [
        msgspec.structs.replace(d, project_id=owners[d.name]) if d.name in owners else d
        for d in found
    ]
    return sorted(found, key=lambda deployment: deployment.name)


def within(found: Iterable[Deployment], project_ids: Iterable[str]) -> list[Deployment]:
    """Return everybody's deployments, and those that are one of these projects' own."""
    ours = frozenset(project_ids)
    return [d for d in found if d.project_id is None or d.project_id in ours]


def sold(deployment: Deployment, offer: Offered | Brief) -> Deployment:
    """Return the deployment as who buys it by that offer sees it: nothing of its setting."""
    own = deployment.settings
    return msgspec.structs.replace(
        deployment,
        name=offer.name,
        models=(offer.name,),
        price=offer.price.usual,
        message="",
        project_id=None,
        settings=msgspec.structs.replace(own, upstream_model=None, price=None),
        serves=deployment.name,
        publication_id=offer.id,
    )


def with_states(found: list[Deployment], seen: Mapping[str, str]) -> list[Deployment]:
    """Return the deployments, those served elsewhere as the gateway has `seen` them last."""
    states: dict[str, State] = {"ready": "ready", "failed": "failed"}
    return [
        msgspec.structs.replace(
            d,
            state=states.get(seen.get(d.name, ""), d.state),
            message=d.message or (_FAILED if seen.get(d.name) == "failed" else ""),
        )
        if d.engine == "remote" and d.state == "unprobed"
        else d
        for d in found
    ]


def visible(
    all_deployments: Iterable[Deployment], usable_models: Iterable[str] | None
) -> list[Deployment]:
    """Return the deployments that answer to a usable name, with those names only; None: all."""
    if usable_models is None:
        return list(all_deployments)
    usable = frozenset(usable_models)
    narrowed = (
        msgspec.structs.replace(d, models=tuple(m for m in d.models if m in usable))
        for d in all_deployments
    )
    return [deployment for deployment in narrowed if deployment.models]


def _local(
    name: str, model: LocalModel, instance: EngineInstance | None, settings: Settings
) -> Deployment:
    state: State = "starting" if instance is None else instance.state
    return Deployment(
        name=name,
        models=_public_names(name, settings),
        engine=model.engine,
        settings=model.settings,
        price=parse_price(model.settings.price, settings, f"deployments.{name}"),
        state=state if model.problem is None else "failed",
        message=model.problem or (instance.message if instance is not None else ""),
        state_since_ms=None if instance is None else instance.updated_at_ms,
        context_tokens=model.context_tokens,
        source=_source_of_local(name, model, settings),
        is_demonstration=model.is_demonstration,
        supports_tools=instance is not None and instance.supports_tools,
        gives_vectors=model.gives_vectors,
        slots=model.slots,
        pid=None if instance is None else instance.pid,
        cold_start_ms=None if instance is None else instance.cold_start_ms,
    )


def _remote(model: RemoteModel, settings: Settings) -> Deployment:
    name, own = model.name, model.settings
    problem = model.problem or ""
    if not problem and model.needs_allowed_address:
        try:
            reach_of(settings).origin(model.url)
        except TramontaneError as error:  # what may be entered has changed since
            problem = error.message
    return Deployment(
        name=name,
        models=_public_names(name, settings),
        engine="remote",
        settings=own,
        price=price_of(model, settings),
        state="failed" if problem else "unprobed",
        message=problem,
        source="store" if model.is_entered else "file",
        context_tokens=own.context_tokens,
        supports_tools=True,
        remote=model,
        gives_vectors=own.embeddings is True,
    )


def _source_of_local(name: str, model: LocalModel, settings: Settings) -> Source:
    if name in settings.deployments:
        return "file"
    return "built_in" if model.engine == "guide" or model.is_demonstration else "store"


def _public_names(name: str, settings: Settings) -> tuple[str, ...]:
    """A route of a deployment's own name stands in front of it."""
    routes = sorted(route for route, of in settings.routes.items() if name in of.names)
    return tuple(routes if name in settings.routes else [name, *routes])
