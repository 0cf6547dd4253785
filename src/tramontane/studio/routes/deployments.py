"""`/api/v1/deployments`: models made servable, with how each is set up.

Provider keys, and where they are read from, are never shown.
"""

import msgspec
from litestar import get

from tramontane.config import parse_origin
from tramontane.studio import serving
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.moments import optional_name
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform
from tramontane.studio.routes.status import (
    PriceView,
    all_deployments,
    message_for,
    price_view,
    visible_to,
)


class DeploymentView(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment. To operators only: `origin` (scheme, host and port of a remote one) and
    `upstream_model` (what it is asked for there). `model` is the file of a local one.
    """

    name: str
    models: tuple[str, ...]
    engine: serving.Engine
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
    demonstration: bool


class DeploymentList(msgspec.Struct, frozen=True):
    """Deployments by name."""

    data: list[DeploymentView]


@get("/deployments", **describe("listDeployments", "List deployments", "Deployments", right="read"))
def list_deployments(platform: GivenPlatform, caller: GivenCaller) -> DeploymentList:
    """An operator sees every deployment, another key those that it may use."""
    found = visible_to(caller, all_deployments(platform))
    currency = platform.settings.currency
    return DeploymentList([_view(deployment, caller, currency) for deployment in found])


def _view(deployment: serving.Deployment, caller: Caller, currency: str) -> DeploymentView:
    own = deployment.settings
    is_shown = caller.is_operator
    return DeploymentView(
        name=deployment.name,
        models=deployment.models,
        engine=deployment.engine,
        origin=_origin(own.url) if own.url is not None and is_shown else None,
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
        demonstration=deployment.is_demonstration,
    )


def _origin(url: str) -> str:
    origin = parse_origin(url)
    return f"{'https' if origin.tls else 'http'}://{origin.host}:{origin.port}"
