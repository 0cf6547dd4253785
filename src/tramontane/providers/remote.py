"""Which models are served elsewhere, and how: from settings and store to one plan.

The gateway reads it to know where to ask, the studio to show it. It asks nobody itself, and does
not know which addresses may be entered.
"""

from collections.abc import Iterable, Mapping

import msgspec

from tramontane import config
from tramontane.config import DeploymentSettings, Settings
from tramontane.errors import ConfigError
from tramontane.money import Price
from tramontane.providers import registry
from tramontane.providers.registry import Provider
from tramontane.store import sealing
from tramontane.store.records import StoredDeployment, StoredProvider


class RemoteModel(msgspec.Struct, frozen=True, kw_only=True):
    """One remote deployment; its settings have a `url`. `is_entered`: in the page, not the file.

    `sealed_key` is the key that was entered for it alone; with an `account` the account's counts.
    `problem` set: it cannot be used, and why; its address leads nowhere then.
    """

    name: str
    settings: DeploymentSettings
    is_entered: bool = False
    sealed_key: bytes | None = None
    account: Provider | None = None
    kind: str = ""
    region: str = ""
    jurisdiction: str | None = None
    no_training: bool | None = None
    problem: str | None = None

    @property
    def url(self) -> str:
        """The origin and base path."""
        assert self.settings.url is not None
        return self.settings.url

    @property
    def provider(self) -> str:
        """Whose it is: the account, else the kind of provider at its address, else its host."""
        if self.account is not None:
            return self.account.name
        return self.kind or config.parse_origin(self.url).host

    @property
    def needs_allowed_address(self) -> bool:
        """Whether its address was entered and not written by who writes the configuration."""
        account = self.account
        if account is None:
            return self.is_entered
        return account.is_entered and not account.by_command


def remote_models(
    settings: Settings,
    stored: Iterable[StoredDeployment],
    providers: Iterable[StoredProvider] = (),
) -> dict[str, RemoteModel]:
    """Return every remote deployment by name. The configuration file wins over the store."""
    accounts = registry.providers(settings, providers)
    plan: dict[str, RemoteModel] = {}
    for record in stored:
        chosen = msgspec.json.decode(record.settings, type=DeploymentSettings)
        if chosen.model is None and record.name not in settings.deployments:
            plan[record.name] = _model(
                record.name, chosen, accounts, is_entered=True, sealed_key=record.sealed_key
            )
    for name, chosen in settings.deployments.items():
        if chosen.model is None:
            plan[name] = _model(name, chosen, accounts)
    return plan


def _model(
    name: str,
    settings: DeploymentSettings,
    accounts: Mapping[str, Provider],
    *,
    is_entered: bool = False,
    sealed_key: bytes | None = None,
) -> RemoteModel:
    if settings.provider is not None:
        return _of_account(name, settings, accounts.get(settings.provider), is_entered=is_entered)
    assert settings.url is not None
    known = registry.at_address(settings.url)
    kind, region = known if known is not None else (None, None)
    told = settings.no_training
    if told is None and kind is not None and kind.trains_on_inputs is not None:
        told = not kind.trains_on_inputs
    return RemoteModel(
        name=name,
        settings=settings,
        is_entered=is_entered,
        sealed_key=sealed_key,
        kind="" if kind is None else kind.name,
        region="" if region is None else region.name,
        jurisdiction=None if region is None else region.jurisdiction,
        no_training=told,
    )


def _of_account(
    name: str, settings: DeploymentSettings, account: Provider | None, *, is_entered: bool
) -> RemoteModel:
    problem = None
    if account is None:
        problem = f"There is no provider '{settings.provider}'; add it, or choose another."
        account = Provider(
            name=settings.provider or "",
            kind=registry.KINDS["compatible"],
            settings=config.ProviderSettings(kind="compatible"),
        )
    kind = account.kind
    settings = msgspec.structs.replace(
        settings,
        url=account.url or "http://nowhere.invalid",
        dialect=kind.dialect,
        ca_file=settings.ca_file or account.settings.ca_file,
        max_tokens_field=kind.max_tokens_field
        if settings.max_tokens_field == "max_tokens"
        else settings.max_tokens_field,
        stream_usage=kind.stream_usage if settings.stream_usage == "ask" else settings.stream_usage,
    )
    told = settings.no_training
    return RemoteModel(
        name=name,
        settings=settings,
        is_entered=is_entered,
        account=account,
        kind=kind.name,
        region=account.region,
        jurisdiction=_jurisdiction(account, settings.upstream_model or name),
        no_training=account.no_training if told is None else told,
        problem=problem or account.problem,
    )


def _jurisdiction(account: Provider, model: str) -> str | None:
    told, place_of_model = account.settings.jurisdiction, account.kind.place_of_model
    if told is not None or place_of_model is None:
        return account.jurisdiction
    return place_of_model(model, account.jurisdiction)


def price_of(model: RemoteModel, settings: Settings) -> Price:
    """Return what it costs; not known where nobody has said, which is not the same as free."""
    if model.settings.price is None:
        return Price(is_known=False)
    return config.parse_price(model.settings.price, settings, f"deployments.{model.name}")


def seal_key(pepper: bytes, key: str, name: str, url: str) -> bytes:
    """Return a provider's key sealed for this deployment and this address, and no other."""
    return sealing.seal(pepper, key, _use(name, url))


def read_key(model: RemoteModel, pepper: bytes, environ: Mapping[str, str]) -> str | None:
    """Return the provider's key; None where there is none.

    Raises ConfigError naming the variable or file that it should be in, or that it cannot be
    unsealed.
    """
    if model.problem is not None:
        raise ConfigError(model.problem)
    own = model.settings
    says_where = not model.is_entered and (own.key_env is not None or own.key_file is not None)
    if model.account is not None and not says_where:
        return registry.read_key(model.account, pepper, environ)
    if model.sealed_key is not None:
        return sealing.unseal(pepper, model.sealed_key, _use(model.name, model.url))
    if model.is_entered:
        return None  # a row of the store never names a variable or a file of this machine
    return config.read_secret(own, environ, f"deployments.{model.name}")


def _use(name: str, url: str) -> str:
    return f"provider key\n{name}\n{url}"
