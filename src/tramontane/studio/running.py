"""What runs just now, put together for the API and the command line alike.

How engines are, the store says; how busy they are, the gateway, which alone sees requests; what
memory they take, the system. It does not know who asks.
"""

import os
from collections.abc import Iterable, Mapping

import msgspec

from tramontane.assistant.gateway_loads import Load
from tramontane.config import Settings
from tramontane.datafolder import DataFolder
from tramontane.engines.memory import memory_now
from tramontane.engines.plan import local_models
from tramontane.engines.resident import resident_bytes
from tramontane.providers.remote import remote_models
from tramontane.store import deployments, engines, models, providers, routes
from tramontane.store.database import Store
from tramontane.store.planning import merged_routes, owners
from tramontane.studio import serving
from tramontane.studio.moments import optional_name

_NOTHING = Load()


class MachineView(msgspec.Struct, frozen=True, kw_only=True):
    """The machine that the platform runs on. `load_1m` is the average number of processes that
    ran or wanted to. Memory is that of the container, where it runs in one; null is unknown.
    """

    cores: int
    load_1m: float
    memory_total_bytes: int | None
    memory_available_bytes: int | None


class EngineView(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment at work. `asleep`: its engine was stopped for want of requests and starts for
    the next one, which took `cold_start_s` the last time. `in_flight`, `waiting` and
    `requests_last_minute` are null while the gateway cannot be asked; `eta_s` is null where a
    request would be served at once. `tokens_per_s` is what its answers gave together while any was
    under way, in the last minute. `pid` and `resident_bytes` are told to operators only, and of
    engines here; how much others ask, as `without_others` has it, to operators only too.
    """

    deployment: str
    engine: serving.Engine
    model: str | None
    card_id: str | None
    state: serving.State
    message: str
    since: str | None
    pid: int | None
    resident_bytes: int | None
    slots: int | None
    in_flight: int | None
    waiting: int | None
    eta_s: float | None
    context_tokens: int | None
    tokens_per_s: float | None
    requests_last_minute: int | None
    last_used_at: str | None
    scale_to_zero_after_s: float | None
    cold_start_s: float | None
    provider: str | None
    region: str | None
    is_local: bool


class EngineList(msgspec.Struct, frozen=True):
    """Engines by name; `machine` is null to whoever does not operate it."""

    machine: MachineView | None
    data: list[EngineView]


def machine_now() -> MachineView:
    """Return how this machine is."""
    memory = memory_now()
    return MachineView(
        cores=os.cpu_count() or 1,
        load_1m=round(os.getloadavg()[0], 2),
        memory_total_bytes=memory.total_bytes,
        memory_available_bytes=memory.available_bytes,
    )


def engine_views(
    found: Iterable[serving.Deployment], loads: Mapping[str, Load] | None
) -> list[EngineView]:
    """Return the deployments with all that is known of them; `loads` None: not how busy."""
    found = list(found)
    resident = resident_bytes(d.pid for d in found if d.pid is not None)
    return [
        _view(d, None if loads is None else loads.get(d.name, _NOTHING), resident) for d in found
    ]


def without_others(view: EngineView, message: str, since: str | None) -> EngineView:
    """Return what those may know who do not operate the machine: whether they would be served, and
    when. How much others ask, and when they last did, is not theirs to know.
    """
    return msgspec.structs.replace(
        view,
        message=message,
        since=since,
        pid=None,
        resident_bytes=None,
        in_flight=None,
        tokens_per_s=None,
        requests_last_minute=None,
        last_used_at=None,
    )


def deployed(settings: Settings, store: Store) -> list[serving.Deployment]:
    """Return every deployment as the store has it now."""
    with store.read() as c:
        stored = deployments.list_all(c)
        folder = DataFolder(settings.data_dir).models
        plan = local_models(settings, stored, models.list_all(c), folder)
        remote = remote_models(settings, stored, providers.list_all(c))
        merged = merged_routes(settings.routes, routes.list_all(c))
        settings = msgspec.structs.replace(settings, routes=merged)
        own = owners(settings, stored)
        found = serving.deployments(settings, plan, remote, engines.list_instances(c), own)
    cards = {one.name: one.card_id for one in stored if one.name not in settings.deployments}
    return [msgspec.structs.replace(d, card_id=cards.get(d.name)) for d in found]


def _view(
    deployment: serving.Deployment, load: Load | None, resident: Mapping[int, int]
) -> EngineView:
    own, remote = deployment.settings, deployment.remote
    pid = deployment.pid
    cold_start_ms = deployment.cold_start_ms
    return EngineView(
        deployment=deployment.name,
        engine=deployment.engine,
        model=own.model,
        card_id=deployment.card_id,
        state=deployment.state,
        message=deployment.message,
        since=optional_name(deployment.state_since_ms),
        pid=pid,
        resident_bytes=None if pid is None else resident.get(pid),
        slots=deployment.slots if remote is None else own.max_in_flight,
        in_flight=None if load is None else load.in_flight,
        waiting=None if load is None else load.waiting,
        eta_s=None if load is None else load.eta_s,
        context_tokens=deployment.context_tokens,
        tokens_per_s=None if load is None else load.tokens_per_s,
        requests_last_minute=None if load is None else load.requests_last_minute,
        last_used_at=None if load is None else optional_name(load.last_used_ms),
        scale_to_zero_after_s=own.scale_to_zero_after_s,
        cold_start_s=None if cold_start_ms is None else cold_start_ms / 1_000,
        provider=None if remote is None else remote.provider,
        region=None if remote is None else remote.region or None,
        is_local=remote is None,
    )
