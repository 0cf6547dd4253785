"""`/api/v1/status`: who is calling, and what it may use right now.

The one operation that any key may call. The studio can only vouch for itself and for the store;
`/ready`, which the gateway answers, tells of every part.
"""

from typing import Literal

import msgspec
from litestar import get

from tramontane import __version__
from tramontane.money import Price, format_nano
from tramontane.store import publications
from tramontane.store.keys import usable_models
from tramontane.store.publications import Brief
from tramontane.store.records import Key, Offered, Project, Right
from tramontane.store.windows import time_name
from tramontane.studio import serving
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.moments import optional_name
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform, Platform
from tramontane.studio.running import deployed


class PriceView(msgspec.Struct, frozen=True, kw_only=True):
    """Decimals in the platform's currency, per million tokens; `request` per request.

    Where it is not `known`, nobody has said what it costs, and the rest means nothing.
    `long_context` are the rates of longer prompts, shortest first.
    """

    currency: str
    known: bool
    input_per_mtok: str
    output_per_mtok: str
    cached_input_per_mtok: str
    cache_write_per_mtok: str
    request: str
    long_context: list["LongContextView"]


class LongContextView(msgspec.Struct, frozen=True, kw_only=True):
    """What every token of a request costs whose prompt has more than `above_tokens`."""

    above_tokens: int
    input_per_mtok: str
    output_per_mtok: str
    cached_input_per_mtok: str
    cache_write_per_mtok: str


class ServedView(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment as a caller of models sees it.

    `models` are the names to ask for. `unprobed` is the state of a remote deployment, which is
    only reached when it is asked. `demonstration` marks one that proves the path and is often
    wrong.
    """

    name: str
    models: tuple[str, ...]
    engine: serving.Engine
    state: serving.State
    message: str
    price: PriceView
    context_tokens: int | None
    max_output_tokens: int | None
    demonstration: bool


class SelfView(msgspec.Struct, frozen=True, kw_only=True):
    """The key that asked, without its secret; null where somebody signed in asks."""

    name: str
    prefix: str
    rights: tuple[Right, ...]
    project_id: str
    project: str
    closed_reason: str | None
    expires_at: str | None


class PartsView(msgspec.Struct, frozen=True, kw_only=True):
    """The parts that the studio can vouch for."""

    studio: Literal["ready"]
    store: Literal["ready"]


class StatusView(msgspec.Struct, frozen=True, kw_only=True):
    """What this key may know of the platform now."""

    version: str
    time: str
    currency: str
    key: SelfView | None
    parts: PartsView
    deployments: list[ServedView]


@get("/status", **describe("getStatus", "Say who is calling and what it may use", "Status"))
def get_status(platform: GivenPlatform, caller: GivenCaller) -> StatusView:
    """Any caller may ask. Deployments are those that it may use; an operator's are all."""
    every = all_deployments(platform)
    bought = bought_by(platform, caller.project_ids, every)
    found = [*visible_to(caller, every), *serving.visible(bought, usable_by(caller))]
    currency = platform.settings.currency
    return StatusView(
        version=__version__,
        time=time_name(platform.clock_ms()),
        currency=currency,
        key=_self(caller.key, caller.project),
        parts=PartsView(studio="ready", store="ready"),
        deployments=[_served(deployment, currency, caller) for deployment in found],
    )


def all_deployments(platform: Platform) -> list[serving.Deployment]:
    """Return every deployment as the store has it now."""
    return deployed(platform.settings, platform.store)


def bought_by(
    platform: Platform, project_ids: tuple[str, ...], found: list[serving.Deployment]
) -> list[serving.Deployment]:
    """Return what these projects have accepted of others' and is served, by the publications'
    names and at their prices; `found` are all deployments.
    """
    with platform.store.read() as c:
        accepted = publications.accepted_versions(c, project_ids)
        offers = [publications.get(c, id_, version) for id_, version in accepted.items()]
    return [
        serving.sold(deployment, offer)
        for offer in offers
        if (deployment := served_by(offer, found)) is not None and offer.withdrawn_at_ms is None
    ]


def everything_served(platform: Platform) -> list[serving.Deployment]:
    """Return every deployment, and every publication at its present price."""
    found = all_deployments(platform)
    with platform.store.read() as c:
        offers = [brief for brief in publications.briefs(c) if not brief.is_withdrawn]
    published = [(o, served_by(o, found)) for o in offers]
    return [*found, *(serving.sold(d, o) for o, d in published if d)]


def served_by(offer: Offered | Brief, found: list[serving.Deployment]) -> serving.Deployment | None:
    """Return the deployment behind a publication, None where it is gone: another of the same name
    that belongs to another project is another one.
    """
    for deployment in found:
        if deployment.name == offer.deployment:
            return deployment if deployment.project_id == offer.owner_id else None
    return None


def usable_in(
    platform: Platform, project_id: str, usable: tuple[str, ...] | None
) -> list[serving.Deployment]:
    """Return what that project is served: everybody's, its own, what it buys. `usable` None: by
    any name.
    """
    found = all_deployments(platform)
    bought = bought_by(platform, (project_id,), found)
    return serving.visible([*serving.within(found, (project_id,)), *bought], usable)


def visible_to(caller: Caller, found: list[serving.Deployment]) -> list[serving.Deployment]:
    """Return those that `caller` may know of: an operator all, others what they may use."""
    if caller.is_operator:
        return found
    return serving.visible(serving.within(found, caller.project_ids), usable_by(caller))


def usable_by(caller: Caller) -> tuple[str, ...] | None:
    """Return the models that `caller` may ask for in some project of theirs, None for every one."""
    if caller.key is not None and caller.project is not None:
        return usable_models(caller.key, caller.project)
    lists = [place.usable_models for place in caller.memberships]
    if None in lists:
        return None
    return tuple(sorted({name for names in lists if names is not None for name in names}))


def message_for(caller: Caller, deployment: serving.Deployment) -> str:
    """Return why a deployment is not ready; it may name files here, so to operators only."""
    if not deployment.message or caller.is_operator:
        return deployment.message
    return "The operator can see why."


def since_for(caller: Caller, deployment: serving.Deployment) -> str | None:
    """Return since when a deployment is as it is. An engine asleep has been so since shortly after
    somebody asked last, so to operators only.
    """
    if deployment.state == "asleep" and not caller.is_operator:
        return None
    return optional_name(deployment.state_since_ms)


def price_view(price: Price, currency: str) -> PriceView:
    """Return `price` as decimals."""
    return PriceView(
        currency=currency,
        known=price.is_known,
        input_per_mtok=format_nano(price.input_nano_per_mtok),
        output_per_mtok=format_nano(price.output_nano_per_mtok),
        cached_input_per_mtok=format_nano(price.cached_nano_per_mtok),
        cache_write_per_mtok=format_nano(price.write_nano_per_mtok),
        request=format_nano(price.request_nano),
        long_context=[
            LongContextView(
                above_tokens=rates.above_tokens,
                input_per_mtok=format_nano(rates.input_nano_per_mtok),
                output_per_mtok=format_nano(rates.output_nano_per_mtok),
                cached_input_per_mtok=format_nano(rates.cached_nano_per_mtok),
                cache_write_per_mtok=format_nano(rates.write_nano_per_mtok),
            )
            for rates in price.long_context
        ],
    )


def _served(deployment: serving.Deployment, currency: str, caller: Caller) -> ServedView:
    return ServedView(
        name=deployment.name,
        models=deployment.models,
        engine=deployment.engine,
        state=deployment.state,
        message=message_for(caller, deployment),
        price=price_view(deployment.price, currency),
        context_tokens=deployment.context_tokens,
        max_output_tokens=deployment.settings.max_output_tokens,
        demonstration=deployment.is_demonstration,
    )


def _self(key: Key | None, project: Project | None) -> SelfView | None:
    if key is None or project is None:
        return None
    return SelfView(
        name=key.name,
        prefix=key.prefix,
        rights=key.rights,
        project_id=project.id,
        project=project.name,
        closed_reason=project.closed_reason,
        expires_at=optional_name(key.expires_at_ms),
    )
