"""Which models are served elsewhere, and how: from settings and store to one plan.

The gateway reads it to know where to ask, the studio to show it. It asks nobody itself, and does
not know which addresses may be entered.
"""

from collections.abc import Iterable, Mapping

import msgspec

from tramontane import config
from tramontane.config import DeploymentSettings, Settings
from tramontane.store import sealing
from tramontane.store.records import StoredDeployment


class RemoteModel(msgspec.Struct, frozen=True, kw_only=True):
    """One remote deployment; its settings have a `url`. `is_entered`: in the page, not the file.

    `sealed_key` is the provider's key, where one was entered.
    """

    name: str
    settings: DeploymentSettings
    is_entered: bool = False
    sealed_key: bytes | None = None

    @property
    def url(self) -> str:
        """The origin and base path."""
        assert self.settings.url is not None
        return self.settings.url


def remote_models(settings: Settings, stored: Iterable[StoredDeployment]) -> dict[str, RemoteModel]:
    """Return every remote deployment by name. The configuration file wins over the store."""
    plan: dict[str, RemoteModel] = {}
    for record in stored:
        chosen = msgspec.json.decode(record.settings, type=DeploymentSettings)
        if chosen.url is not None and record.name not in settings.deployments:
            plan[record.name] = RemoteModel(
                name=record.name, settings=chosen, is_entered=True, sealed_key=record.sealed_key
            )
    for name, chosen in settings.deployments.items():
        if chosen.url is not None:
            plan[name] = RemoteModel(name=name, settings=chosen)
    return plan


def seal_key(pepper: bytes, key: str, name: str, url: str) -> bytes:
    """Return a provider's key sealed for this deployment and this address, and no other."""
    return sealing.seal(pepper, key, _use(name, url))


def read_key(model: RemoteModel, pepper: bytes, environ: Mapping[str, str]) -> str | None:
    """Return the provider's key; None where there is none.

    Raises ConfigError naming the variable or file that it should be in, or that it cannot be
    unsealed.
    """
    if model.sealed_key is not None:
        return sealing.unseal(pepper, model.sealed_key, _use(model.name, model.url))
    return config.read_secret(model.settings, environ, f"deployments.{model.name}")


def _use(name: str, url: str) -> str:
    return f"provider key\n{name}\n{url}"
