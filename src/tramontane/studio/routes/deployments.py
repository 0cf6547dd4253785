"""`/api/v1/deployments`: models made servable, with how each is set up.

Provider keys, and where they are read from, are never shown; those entered here are stored sealed.
"""

import re

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath, JSONBody
from sqlalchemy import Connection

from tramontane.config import DeploymentSettings, PriceSettings, parse_origin, parse_price
from tramontane.engines.plan import BUILT_IN
from tramontane.errors import ConfigError, Conflict, InvalidRequest
from tramontane.providers.reach import provider_of, reach_of
from tramontane.providers.remote import seal_key
from tramontane.store import deployments, routes
from tramontane.store.records import StoredDeployment
from tramontane.studio import serving
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.moments import optional_name
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform, Platform
from tramontane.studio.routes.providers import (
    check_key,
    check_upstream_model,
    check_url,
    require_account,
)
from tramontane.studio.routes.status import (
    PriceView,
    all_deployments,
    message_for,
    price_view,
    visible_to,
)

_CONTEXT_MOST = 100_000_000
_LANGUAGES_MOST = 100
_is_language = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", re.ASCII).fullmatch


class DeploymentView(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment. To operators only: `origin` (scheme, host and port of a remote one) and
    `upstream_model` (what it is asked for there). `model` is the file of a local one. `source` is
    where it is set up: `store` ones can be removed. `languages` and `open_weights` are null where
    nobody has said, as are `provider` (whose it is), `region` and `dialect` of local ones.
    """

    name: str
    models: tuple[str, ...]
    engine: serving.Engine
    source: serving.Source
    provider: str | None
    region: str | None
    dialect: str | None
    origin: str | None
    upstream_model: str | None
    model: str | None
    state: serving.State
    state_since: str | None
    message: str
    price: PriceView
    context_tokens: int | None
    max_output_tokens: int | None
    max_in_flight: int | None
    queue_limit: int
    languages: tuple[str, ...] | None
    open_weights: bool | None
    demonstration: bool


class NewPrice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Decimals in quotes, per million tokens (`request` per request), in `currency`, the
    platform's where null. All zero is a price too: it says that the model is free.
    """

    input_per_mtok: str = "0"
    output_per_mtok: str = "0"
    cached_input_per_mtok: str | None = None
    cache_write_per_mtok: str | None = None
    request: str = "0"
    currency: str | None = None


class NewDeployment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model served elsewhere. Clients ask for it as `name`, its server as `upstream_model`.

    Either `provider`, one of `GET /providers`, or `url` with the `key` of that address, which is
    stored sealed and never shown again. Without a `price` nobody knows what it costs, and
    projects with a budget may not use it.
    """

    name: str
    url: str | None = None
    provider: str | None = None
    upstream_model: str | None = None
    key: str | None = None
    price: NewPrice | None = None
    context_tokens: int | None = None
    languages: tuple[str, ...] | None = None
    open_weights: bool | None = None


class DeploymentList(msgspec.Struct, frozen=True):
    """Deployments by name."""

    data: list[DeploymentView]


@get("/deployments", **describe("listDeployments", "List deployments", "Deployments", right="read"))
def list_deployments(platform: GivenPlatform, caller: GivenCaller) -> DeploymentList:
    """An operator sees every deployment, another key those that it may use. How one served
    elsewhere is, its last answer has shown.
    """
    # Here only: elsewhere a state decides what may be asked, and one error must not shut a model.
    found = serving.with_states(all_deployments(platform), platform.tokens.states())
    found = visible_to(caller, found)
    currency = platform.settings.currency
    return DeploymentList([_view(deployment, caller, currency) for deployment in found])


@post(
    "/deployments",
    **describe(
        "createDeployment",
        "Enter a model that is served elsewhere",
        "Deployments",
        right="operate",
        errors=(409, 413),
    ),
)
def create_deployment(
    platform: GivenPlatform, caller: GivenCaller, data: JSONBody[NewDeployment]
) -> DeploymentView:
    """Needs the right `operate`. It is served within two seconds. Its address must be one that
    `GET /providers` names.
    """
    key = check_key(data.key)
    if (data.url is None) == (data.provider is None):
        raise InvalidRequest("Give either provider or url.", param="provider")
    url = None
    if data.url is not None:
        url = check_url(data.url)
        reach_of(platform.settings).origin(url)
    elif key is not None:
        raise InvalidRequest("The key is the provider's; leave it out here.", param="key")
    settings = _settings_of(data, url)
    try:
        parse_price(settings.price, platform.settings, "deployment")
    except ConfigError as error:
        message = error.message.removeprefix("deployment.price.")
        raise InvalidRequest(f"The price: {message}.", param="price") from None
    stored = StoredDeployment(
        name=data.name,
        settings=msgspec.json.encode(settings),
        sealed_key=None
        if key is None or url is None
        else seal_key(platform.pepper, key, data.name, url),
        created_at_ms=platform.clock_ms(),
    )
    with platform.store.write() as c:
        if data.provider is not None:
            require_account(c, platform, data.provider)
        _check_free(c, platform, data.name)
        deployments.put(c, stored)
    (made,) = (d for d in all_deployments(platform) if d.name == data.name)
    return _view(made, caller, platform.settings.currency)


@delete(
    "/deployments/{name:str}",
    status_code=204,
    **describe(
        "removeDeployment", "Serve a model no more", "Deployments", right="operate",
        errors=(404, 409),
    ),
)  # fmt: skip
def remove_deployment(platform: GivenPlatform, name: FromPath[str]) -> None:
    """Needs the right `operate`. A key entered for it is forgotten, a model's file is not."""
    if name in platform.settings.deployments or name in BUILT_IN:
        raise Conflict(f"{name!r} is set up in the configuration file; take it out there.")
    with platform.store.write() as c:
        deployments.remove(c, name)


def _settings_of(data: NewDeployment, url: str | None) -> DeploymentSettings:
    known = None if url is None else provider_of(url)
    settings = DeploymentSettings(
        url=url,
        provider=data.provider,
        upstream_model=check_upstream_model(data.upstream_model),
        price=PriceSettings(**msgspec.structs.asdict(data.price)) if data.price else None,
        context_tokens=data.context_tokens,
        languages=_check_languages(data.languages),
        open_weights=data.open_weights,
    )
    if data.context_tokens is not None and not 1 <= data.context_tokens <= _CONTEXT_MOST:
        raise InvalidRequest(f"context_tokens: from 1 to {_CONTEXT_MOST}.", param="context_tokens")
    if known is None:
        return settings
    return msgspec.structs.replace(
        settings, max_tokens_field=known.max_tokens_field, stream_usage=known.stream_usage
    )


def _check_languages(languages: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if languages is None:
        return None
    if len(languages) > _LANGUAGES_MOST or not all(map(_is_language, languages)):
        raise InvalidRequest(
            "languages: give their codes, such as fr, de or pt-BR.", param="languages"
        )
    return tuple(dict.fromkeys(languages)) or None


def _check_free(c: Connection, platform: Platform, name: str) -> None:
    settings = platform.settings
    taken = {stored.name for stored in deployments.list_all(c)}
    taken |= settings.deployments.keys() | settings.routes.keys() | BUILT_IN
    taken |= {route.name for route in routes.list_all(c)}
    if name in taken:
        raise Conflict(f"{name!r} is taken; choose another name, or remove it first.", param="name")


def _view(deployment: serving.Deployment, caller: Caller, currency: str) -> DeploymentView:
    own, remote = deployment.settings, deployment.remote
    is_shown = caller.is_operator
    return DeploymentView(
        name=deployment.name,
        models=deployment.models,
        engine=deployment.engine,
        source=deployment.source,
        provider=None if remote is None else remote.provider,
        region=None if remote is None else remote.region or None,
        dialect=None if remote is None else own.dialect,
        origin=_origin(own.url)
        if own.url is not None and is_shown and not (remote is not None and remote.problem)
        else None,
        upstream_model=own.upstream_model if is_shown else None,
        model=own.model,
        state=deployment.state,
        state_since=optional_name(deployment.state_since_ms),
        message=message_for(caller, deployment),
        price=price_view(deployment.price, currency),
        context_tokens=deployment.context_tokens,
        max_output_tokens=own.max_output_tokens,
        max_in_flight=own.max_in_flight,
        queue_limit=own.queue_limit,
        languages=own.languages,
        open_weights=own.open_weights,
        demonstration=deployment.is_demonstration,
    )


def _origin(url: str) -> str:
    origin = parse_origin(url)
    return f"{'https' if origin.tls else 'http'}://{origin.host}:{origin.port}"
