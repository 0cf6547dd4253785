"""Which deployments there are, and which of them a key may know of.

Pure: it puts the configuration file, the store's deployments, the library and the engines' last
words together. It does not know whether a remote deployment answers: the gateway finds out when
it asks.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from tramontane.config import DeploymentSettings, Settings, parse_price
from tramontane.money import Price
from tramontane.store.records import EngineInstance, EngineState, ModelFile, StoredDeployment

Engine = Literal["llama.cpp", "remote"]
State = Literal[EngineState, "unprobed"]
Source = Literal["configuration", "store"]


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment with all that is known of it. `models` are the public names it answers to."""

    name: str
    models: tuple[str, ...]
    settings: DeploymentSettings
    price: Price
    source: Source
    file: ModelFile | None = None
    instance: EngineInstance | None = None

    @property
    def engine(self) -> Engine:
        """What serves it."""
        return "llama.cpp" if self.settings.url is None else "remote"

    @property
    def state(self) -> State:
        """The engine's last word; `unprobed` for a remote one, which is only asked when needed."""
        if self.settings.url is not None:
            return "unprobed"
        return "stopped" if self.instance is None else self.instance.state

    @property
    def context_tokens(self) -> int | None:
        """The longest prompt and answer together, where known."""
        if self.settings.context_tokens is not None or self.file is None:
            return self.settings.context_tokens
        return self.file.context_tokens


def deployments(
    settings: Settings,
    stored: Iterable[StoredDeployment],
    files: Iterable[ModelFile],
    instances: Iterable[EngineInstance],
) -> list[Deployment]:
    """Return every deployment by name; the configuration file's wins over a stored one."""
    known_files = list(files)
    running = {instance.deployment: instance for instance in instances}
    found: dict[str, Deployment] = {}
    for record in stored:
        own = msgspec.json.decode(record.settings, type=DeploymentSettings)
        file = _file(known_files, record.model_sha256)
        found[record.name] = _deployment(record.name, own, settings, "store", file, running)
    for name, own in settings.deployments.items():
        file = _file(known_files, own.model)
        found[name] = _deployment(name, own, settings, "configuration", file, running)
    return [found[name] for name in sorted(found)]


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


def _deployment(
    name: str,
    own: DeploymentSettings,
    settings: Settings,
    source: Source,
    file: ModelFile | None,
    running: Mapping[str, EngineInstance],
) -> Deployment:
    return Deployment(
        name=name,
        models=_public_names(name, settings),
        settings=own,
        price=parse_price(own.price, settings, f"deployments.{name}"),
        source=source,
        file=file,
        instance=running.get(name),
    )


def _public_names(name: str, settings: Settings) -> tuple[str, ...]:
    """A route of a deployment's own name stands in front of it."""
    routes = [route for route, of in settings.routes.items() if name in of.deployments]
    own = [] if name in settings.routes else [name]
    return tuple(own + sorted(routes))


def _file(files: Iterable[ModelFile], reference: str | None) -> ModelFile | None:
    if reference is None:
        return None
    return next((f for f in files if reference in (f.name, f.sha256)), None)
