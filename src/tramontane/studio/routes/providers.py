"""`/api/v1/providers`: accounts with those who serve models elsewhere, and tries of them.

The only place where the studio asks an address that somebody typed. What may be typed, and where
its name may lead, is `providers.reach`'s.
"""

import os
from typing import Literal

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath, JSONBody
from sqlalchemy import Connection

from tramontane.config import ProviderSettings
from tramontane.errors import Conflict, InvalidRequest, TramontaneError
from tramontane.providers import registry, trying
from tramontane.providers.kind import Kind
from tramontane.providers.probe import Probe, Problem
from tramontane.providers.reach import Reach, provider_of, reach_of
from tramontane.providers.registry import Provider
from tramontane.providers.remote import remote_models
from tramontane.store import deployments
from tramontane.store import providers as stored_providers
from tramontane.store.names import unknown
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform, Platform

KEY_MOST = 4_096
URL_MOST = 2_048


class ProviderView(msgspec.Struct, frozen=True, kw_only=True):
    """An address that may be entered with a model: `url` is its base address."""

    name: str
    title: str
    url: str
    needs_key: bool


class RegionView(msgspec.Struct, frozen=True, kw_only=True):
    """Where requests can be processed: `jurisdiction` is a country, EU or EEA, several joined by
    "+"; null where the provider does not tell. `url` is its base address; null where each account
    has its own.
    """

    name: str
    title: str
    url: str | None
    jurisdiction: str | None


class KindView(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of provider. `url` null: each account has its own, like `url_example`.

    `needs_region`: a region must be chosen. `trains_on_inputs` null: its terms do not tell.
    `sources` are where this was read, on `checked`.
    """

    name: str
    title: str
    dialect: str
    url: str | None
    url_example: str | None
    regions: list[RegionView]
    default_region: str | None
    needs_region: bool
    needs_key: bool
    key_hint: str
    trains_on_inputs: bool | None
    sources: tuple[str, ...]
    checked: str


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """An account with a provider. `source` is where it is set up: `store` ones can be removed.

    `problem`: why it cannot be used, null where it can. `deployments` use it.
    """

    name: str
    kind: str
    title: str
    dialect: str
    url: str
    region: str | None
    jurisdiction: str | None
    no_training: bool | None
    source: Literal["file", "store"]
    problem: str | None
    deployments: list[str]


class ProviderList(msgspec.Struct, frozen=True, kw_only=True):
    """`accounts` with providers, by name; the `kinds` there are; in `data` the addresses that may
    be entered with a model. `allows_loopback`: a server on this machine may be entered as well.
    """

    data: list[ProviderView]
    allows_loopback: bool
    kinds: list[KindView]
    accounts: list[AccountView]


class NewAccount(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account with a provider of that `kind`. `url`: where the kind has none of its own.

    `key` is stored sealed, for that address alone, and never shown again. `jurisdiction`: where it
    processes, if the region does not tell. `no_training`: what your contract says.
    """

    name: str
    kind: str
    url: str | None = None
    region: str | None = None
    key: str | None = None
    jurisdiction: str | None = None
    no_training: bool | None = None


class Trial(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to try: with `upstream_model`, that model is asked for a few words, which may cost."""

    url: str
    key: str | None = None
    upstream_model: str | None = None


class AccountTrial(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With `upstream_model`, that model is asked for a few words, which may cost."""

    upstream_model: str | None = None


class TrialView(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `problem` says what is in the way, in a word; null where it is `ok`."""

    ok: bool
    problem: Problem | None
    message: str
    models: tuple[str, ...]
    first_token_ms: int | None


@get(
    "/providers",
    **describe(
        "listProviders",
        "List accounts with providers, and who may be entered",
        "Deployments",
        right="operate",
    ),
)
def list_providers(platform: GivenPlatform) -> ProviderList:
    """Needs the right `operate`. Which may be entered is the setting `studio.allowed_origins`.
    Keys are never shown.
    """
    settings = platform.settings
    reach = reach_of(settings)
    with platform.store.read() as c:
        found = registry.providers(settings, stored_providers.list_all(c))
        used = _used(c, platform)
    return ProviderList(
        data=[
            ProviderView(name=p.name, title=p.title, url=p.url, needs_key=provider_of(p.url) == p)
            for p in reach.providers()
        ],
        allows_loopback=reach.allows_loopback,
        kinds=[_kind_view(kind) for kind in registry.KINDS.values()],
        accounts=[_account_view(account, used, reach) for account in found.values()],
    )


@post(
    "/providers",
    **describe(
        "createProvider",
        "Enter an account with a provider",
        "Deployments",
        right="operate",
        errors=(409, 413),
    ),
)
def create_provider(platform: GivenPlatform, data: JSONBody[NewAccount]) -> AccountView:
    """Needs the right `operate`. Models of it are entered with `POST /deployments`."""
    settings = ProviderSettings(
        kind=data.kind,
        url=None if data.url is None else check_url(data.url),
        region=data.region,
        jurisdiction=data.jurisdiction,
        no_training=data.no_training,
    )
    stored = registry.account(
        platform.pepper,
        data.name,
        settings,
        check_key(data.key),
        by_command=False,
        now_ms=platform.clock_ms(),
    )
    made = registry.resolve(data.name, settings, is_entered=True, sealed_key=stored.sealed_key)
    reach = reach_of(platform.settings)
    reach.origin(made.url)
    with platform.store.write() as c:
        taken = {other.name for other in stored_providers.list_all(c)}
        if data.name in taken or data.name in platform.settings.providers:
            raise Conflict(f"{data.name!r} is taken; choose another name.", param="name")
        stored_providers.put(c, stored)
        used = _used(c, platform)
    return _account_view(made, used, reach)


@post(
    "/providers/{name:str}/test",
    status_code=200,
    **describe(
        "testProvider",
        "Try an account with a provider",
        "Deployments",
        right="operate",
        is_async=True,
        errors=(404,),
    ),
)
async def try_provider(
    platform: GivenPlatform, name: FromPath[str], data: JSONBody[AccountTrial]
) -> TrialView:
    """Needs the right `operate`. Asks for its list of models, and the model that is named."""
    with platform.store.read() as c:
        found = registry.providers(platform.settings, stored_providers.list_all(c))
    if name not in found:
        raise unknown("provider", name, found, "provider")
    model = check_upstream_model(data.upstream_model)
    reach = reach_of(platform.settings)
    ca_file = platform.settings.upstream.ca_file
    return _view(await trying.ask(found[name], platform.pepper, os.environ, reach, model, ca_file))


@delete(
    "/providers/{name:str}",
    status_code=204,
    **describe(
        "removeProvider",
        "Forget an account with a provider",
        "Deployments",
        right="operate",
        errors=(404, 409),
    ),
)
def remove_provider(platform: GivenPlatform, name: FromPath[str]) -> None:
    """Needs the right `operate`. Its key is forgotten. While deployments use it, it stays."""
    if name in platform.settings.providers:
        raise Conflict(f"{name!r} is set up in the configuration file; take it out there.")
    with platform.store.write() as c:
        if users := _used(c, platform).get(name):
            raise Conflict(f"{name!r} serves {', '.join(users)}; remove those first.")
        stored_providers.remove(c, name)


@post(
    "/deployments/test",
    status_code=200,
    **describe(
        "testDeployment",
        "Try an address and a key before entering them",
        "Deployments",
        right="operate",
        is_async=True,
        errors=(413,),
    ),
)
async def try_deployment(platform: GivenPlatform, data: JSONBody[Trial]) -> TrialView:
    """Needs the right `operate`. Asks for the list of models, and the model that is named. The
    answer never repeats the key.
    """
    key = check_key(data.key)
    model = check_upstream_model(data.upstream_model)
    reach = reach_of(platform.settings)
    origin = reach.origin(check_url(data.url))
    known = provider_of(data.url)
    probe = await trying.ask_at(
        origin,
        key,
        model,
        check=lambda found: reach.check_addresses(origin, found),
        ca_file=platform.settings.upstream.ca_file,
        max_tokens_field=known.max_tokens_field if known else "max_tokens",
    )
    return _view(probe)


def require_account(c: Connection, platform: Platform, name: str) -> None:
    """Raise NotFound where there is no account with a provider of that name."""
    names = {*platform.settings.providers, *(p.name for p in stored_providers.list_all(c))}
    if name not in names:
        raise unknown("provider", name, names, "provider")


def _used(c: Connection, platform: Platform) -> dict[str, list[str]]:
    """Return which deployments use each account, by its name."""
    found: dict[str, list[str]] = {}
    stored = deployments.list_all(c)
    for name, model in remote_models(platform.settings, stored).items():
        if model.settings.provider is not None:
            found.setdefault(model.settings.provider, []).append(name)
    return {account: sorted(names) for account, names in found.items()}


def _kind_view(kind: Kind) -> KindView:
    return KindView(
        name=kind.name,
        title=kind.title,
        dialect=kind.dialect,
        url=kind.url,
        url_example=kind.url_example,
        regions=[
            RegionView(
                name=r.name,
                title=r.title,
                url=kind.url_in(r.name),
                jurisdiction=r.jurisdiction,
            )
            for r in kind.regions
        ],
        default_region=kind.default_region,
        needs_region=kind.url is not None and "{region}" in kind.url,
        needs_key=kind.credential != "optional",
        key_hint=kind.key_hint,
        trains_on_inputs=kind.trains_on_inputs,
        sources=kind.sources,
        checked=kind.checked,
    )


def _account_view(account: Provider, used: dict[str, list[str]], reach: Reach) -> AccountView:
    problem = account.problem
    if problem is None and account.is_entered and not account.by_command:
        try:
            reach.origin(account.url)
        except TramontaneError as error:  # what may be entered has changed since
            problem = error.message
    return AccountView(
        name=account.name,
        kind=account.settings.kind,
        title=account.kind.title,
        dialect=account.kind.dialect,
        url=account.url,
        region=account.region or None,
        jurisdiction=account.jurisdiction,
        no_training=account.no_training,
        source="store" if account.is_entered else "file",
        problem=problem,
        deployments=used.get(account.name, []),
    )


def _view(probe: Probe) -> TrialView:
    return TrialView(
        ok=probe.problem is None,
        problem=probe.problem,
        message=probe.message,
        models=probe.models,
        first_token_ms=probe.first_token_ms,
    )


def check_url(url: str) -> str:
    """Return the address without what hands add to it; InvalidRequest where it is too long."""
    url = url.strip().rstrip("/")
    if not url or len(url) > URL_MOST:
        raise InvalidRequest("The address is missing, or too long.", param="url")
    return url


def check_key(key: str | None) -> str | None:
    """Return the provider's key; None where it is empty. Raises InvalidRequest, without it."""
    key = (key or "").strip()
    if not key:
        return None
    if len(key) > KEY_MOST or not key.isascii() or any(c <= " " or c == "\x7f" for c in key):
        raise InvalidRequest("The key holds a space or a character outside ASCII.", param="key")
    return key


def check_upstream_model(name: str | None) -> str | None:
    """Return the provider's name of a model; None where it is empty. Raises InvalidRequest."""
    name = (name or "").strip()
    if len(name) > 200 or any(c < " " or c == "\x7f" for c in name):
        raise InvalidRequest("No model has such a name.", param="upstream_model")
    return name or None
