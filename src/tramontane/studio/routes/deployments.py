"""`/api/v1/deployments`: models made servable, with how each is set up.

Provider keys, and where they are read from, are never shown; those entered here are stored sealed.
"""

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from tramontane.config import DeploymentSettings, parse_origin
from tramontane.engines.deploying import check_free
from tramontane.engines.plan import BUILT_IN
from tramontane.errors import Conflict, Forbidden, InvalidRequest
from tramontane.providers.reach import provider_of, reach_of
from tramontane.providers.remote import seal_key
from tramontane.store import deployments, models
from tramontane.store.names import unknown
from tramontane.store.records import StoredDeployment
from tramontane.studio import licensing, local, serving
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.languages import check_languages
from tramontane.studio.local import NewPrice
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform, Platform
from tramontane.studio.publishing import require_manager
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
    since_for,
    visible_to,
)

_CONTEXT_MOST = 100_000_000
_OWN_MOST = 100


class DeploymentView(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment. To operators only: `origin` (scheme, host and port of a remote one) and
    `upstream_model` (what it is asked for there). `model` is the file of a local one. `source` is
    where it is set up: `store` ones can be removed. `languages` and `open_weights` are null where
    nobody has said, as are `provider` (whose it is), `region` and `dialect` of local ones.
    `card_id` is its card in the catalogue, `project_id` the project whose own it is.
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
    scale_to_zero_after_s: float | None
    card_id: str | None
    project_id: str | None


class NewDeployment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model that clients ask for as `name`: served here, from a `model` file of the library (its
    name or hash), or elsewhere, as `upstream_model`.

    Elsewhere: either `provider`, one of `GET /providers`, or `url` with the `key` of that address,
    which is stored sealed and never shown again; without a `price` nobody knows what it costs, and
    projects with a budget may not use it. Here: `context_tokens` for each of `slots` requests at
    once; `scale_to_zero_after_s` seconds without a request its engine stops until the next;
    `anyway`: although it may not fit into memory; `licence_read`: its licence forbids some uses and
    was read. `capable`: whether it is to be relied on; null: unless its context is known to be
    below 4,096 tokens. `card_id` is its card in the catalogue.

    With a `project_id` it is that project's own: nobody else sees or uses it.
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
    capable: bool | None = None
    model: str | None = None
    slots: int | None = None
    threads: int | None = None
    scale_to_zero_after_s: float | None = None
    anyway: bool = False
    licence_read: bool = False
    card_id: str | None = None
    project_id: str | None = None


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
    currency, kept = platform.settings.currency, _kept(platform)
    return DeploymentList([_view(each, caller, currency, kept.get(each.name)) for each in found])


@post(
    "/deployments",
    **describe(
        "createDeployment",
        "Deploy a model file, or enter a model that is served elsewhere",
        "Deployments",
        right="read",
        errors=(404, 409, 413),
    ),
)
def create_deployment(
    platform: GivenPlatform, caller: GivenCaller, data: JSONBody[NewDeployment]
) -> DeploymentView:
    """Needs the right `operate`; who manages a project may enter a `url` as the project's own, with
    the project's own key. One served elsewhere can be asked within two seconds, and its address
    must be one that `GET /providers` names; one served here when its engine has started.
    """
    owner = _owner(platform, caller, data)
    if sum(each is not None for each in (data.url, data.provider, data.model)) != 1:
        raise InvalidRequest("Give either provider, url or model.", param="provider")
    if data.model is not None:
        stored = _local(platform, data, data.model, owner)
    else:
        stored = _remote(platform, data, owner)
    (made,) = (d for d in all_deployments(platform) if d.name == data.name)
    return _view(made, caller, platform.settings.currency, stored)


@delete(
    "/deployments/{name:str}",
    status_code=204,
    **describe(
        "removeDeployment", "Serve a model no more", "Deployments", right="read",
        errors=(404, 409),
    ),
)  # fmt: skip
def remove_deployment(
    platform: GivenPlatform,
    caller: GivenCaller,
    name: FromPath[str],
    remove_file: FromQuery[bool] = False,
) -> None:
    """Needs the right `operate`; who manages a project may remove what is its own. A key entered
    for it is forgotten, a model's file is not, unless `remove_file` says so and no other deployment
    uses it; then routes forget it as well. What was published of it is served no more.
    """
    _check_removes(platform, caller, name)
    if remove_file and not caller.is_operator:
        raise _right_missing()
    if name in platform.settings.deployments or name in BUILT_IN:
        raise Conflict(f"{name!r} is set up in the configuration file; take it out there.")
    sha256 = None
    with platform.store.write() as c:
        if remove_file:
            sha256 = local.undo(c, platform.settings, name, platform.clock_ms())
        else:
            deployments.remove(c, name)
    if sha256 is not None:
        local.library_of(platform.settings).remove(sha256)


def _owner(platform: Platform, caller: Caller, data: NewDeployment) -> str | None:
    """Return whose own the new deployment is to be, None for everybody's.

    Who manages a project but nothing else enters addresses with a key of their own: a provider's
    account and the files here are the platform's. Raises NotFound, Forbidden, Conflict.
    """
    if data.project_id is None:
        if not caller.is_operator:
            raise _right_missing()
        return None
    with platform.store.read() as c:
        project = require_manager(c, caller, data.project_id)
        own = [each for each in deployments.list_all(c) if each.project_id == project.id]
    if caller.is_operator:
        return project.id
    if data.url is None or not data.key:
        raise Forbidden(
            "A project's own deployment has a url and a key of its own. Accounts with providers and"
            " files here are the platform's: an operator can deploy them for the project.",
            code="deployment_not_yours",
        )
    if len(own) >= _OWN_MOST:
        raise Conflict(f"A project has at most {_OWN_MOST} deployments of its own.")
    return project.id


def _check_removes(platform: Platform, caller: Caller, name: str) -> None:
    """Raise NotFound for what the caller may not know of, Forbidden for what is not theirs."""
    if caller.is_operator:
        return
    with platform.store.read() as c:
        found = {each.name: each for each in deployments.list_all(c)}
        kept = found.get(name)
        if kept is not None and kept.project_id is not None and caller.may_see(kept.project_id):
            require_manager(c, caller, kept.project_id)
            return
    if name in {each.name for each in visible_to(caller, all_deployments(platform))}:
        raise _right_missing()
    raise unknown("deployment", name, (), "deployment")


def _right_missing() -> Forbidden:
    return Forbidden(
        "This needs the right 'operate', or to manage the project whose own it is.",
        code="right_missing",
    )


def _local(
    platform: Platform, data: NewDeployment, model: str, owner: str | None
) -> StoredDeployment:
    """Deploy a file of the library."""
    for param in ("key", "upstream_model"):
        if getattr(data, param) is not None:
            raise InvalidRequest(f"{param}: only for one served elsewhere.", param=param)
    fields = {name: getattr(data, name) for name in local.NewLocal.__struct_fields__}
    asked = local.wanted(platform.settings, local.NewLocal(**fields), data.card_id)
    with platform.store.read() as c:
        check_free(c, platform.settings, data.name)
        file = models.get(c, model)
    licensing.check_read(
        platform, card_id=data.card_id, sha256=file.sha256, is_read=data.licence_read
    )
    local.check_file(platform.settings, asked, file)
    with platform.store.write() as c:
        made = local.deploy(c, platform.settings, asked, file, platform.clock_ms())
        if owner is not None:
            made = deployments.give(c, made, owner)
        return made


def _remote(platform: Platform, data: NewDeployment, owner: str | None) -> StoredDeployment:
    """Enter one that is served elsewhere."""
    for param in ("slots", "threads", "scale_to_zero_after_s"):
        if getattr(data, param) is not None:
            raise InvalidRequest(f"{param}: only for one served here.", param=param)
    key = check_key(data.key)
    url = None
    if data.url is not None:
        url = check_url(data.url)
        reach_of(platform.settings).origin(url)
    elif key is not None:
        raise InvalidRequest("The key is the provider's; leave it out here.", param="key")
    stored = StoredDeployment(
        name=data.name,
        settings=msgspec.json.encode(_settings_of(platform, data, url)),
        sealed_key=None
        if key is None or url is None
        else seal_key(platform.pepper, key, data.name, url),
        created_at_ms=platform.clock_ms(),
        card_id=data.card_id,
        project_id=owner,
    )
    with platform.store.write() as c:
        if data.provider is not None:
            require_account(c, platform, data.provider)
        check_free(c, platform.settings, data.name)
        deployments.put(c, stored)
    return stored


def _settings_of(platform: Platform, data: NewDeployment, url: str | None) -> DeploymentSettings:
    known = None if url is None else provider_of(url)
    settings = DeploymentSettings(
        url=url,
        provider=data.provider,
        upstream_model=check_upstream_model(data.upstream_model),
        price=local.checked_price(platform.settings, data.price),
        context_tokens=data.context_tokens,
        languages=check_languages(data.languages),
        open_weights=data.open_weights,
        capable=data.capable,
    )
    if data.context_tokens is not None and not 1 <= data.context_tokens <= _CONTEXT_MOST:
        raise InvalidRequest(f"context_tokens: from 1 to {_CONTEXT_MOST}.", param="context_tokens")
    if known is None:
        return settings
    return msgspec.structs.replace(
        settings, max_tokens_field=known.max_tokens_field, stream_usage=known.stream_usage
    )


def _kept(platform: Platform) -> dict[str, StoredDeployment]:
    with platform.store.read() as c:
        return {stored.name: stored for stored in deployments.list_all(c)}


def _view(
    deployment: serving.Deployment,
    caller: Caller,
    currency: str,
    kept: StoredDeployment | None,
) -> DeploymentView:
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
        state_since=since_for(caller, deployment),
        message=message_for(caller, deployment),
        price=price_view(deployment.price, currency),
        context_tokens=deployment.context_tokens,
        max_output_tokens=own.max_output_tokens,
        max_in_flight=own.max_in_flight,
        queue_limit=own.queue_limit,
        languages=own.languages,
        open_weights=own.open_weights,
        demonstration=deployment.is_demonstration,
        scale_to_zero_after_s=own.scale_to_zero_after_s,
        card_id=None if kept is None else kept.card_id,
        project_id=None if kept is None else kept.project_id,
    )


def _origin(url: str) -> str:
    origin = parse_origin(url)
    return f"{'https' if origin.tls else 'http'}://{origin.host}:{origin.port}"
