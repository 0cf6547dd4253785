"""`/api/v1/deployments`: models made servable, with how each is set up.

Provider keys, and where they are read from, are never shown.
"""

import msgspec
from litestar import get

from tramontane.config import parse_origin
from tramontane.studio import serving
from tramontane.studio.auth import Caller
from tramontane.studio.moments import optional_name
from tramontane.studio.operations import describe
from tramontane.studio.platform import Platform
from tramontane.studio.routes.status import (
    PriceView,
    all_deployments,
    message_for,
    price_view,
    visible_to,
)


class DeploymentView(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment. `origin` (scheme, host and port of a remote one) is shown to operators only."""

    name: str
    models: tuple[str, ...]
    source: serving.Source
    engine: serving.Engine
    origin: str | None
    upstream_model: str | None
    model_sha256: str | None
    state: serving.State
    message: str
    state_since: str | None
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
def list_deployments(platform: Platform, caller: Caller) -> DeploymentList:
    """An operator sees every deployment, another key those that it may use."""
    found = visible_to(caller, all_deployments(platform))
    currency = platform.settings.currency
    return DeploymentList([_view(deployment, caller, currency) for deployment in found])


def _view(deployment: serving.Deployment, caller: Caller, currency: str) -> DeploymentView:
    own, file, instance = deployment.settings, deployment.file, deployment.instance
    return DeploymentView(
        name=deployment.name,
        models=deployment.models,
        source=deployment.source,
        engine=deployment.engine,
        origin=_origin(own.url) if caller.is_operator and own.url is not None else None,
        upstream_model=own.upstream_model if caller.is_operator else None,
        model_sha256=None if file is None else file.sha256,
        state=deployment.state,
        message=message_for(caller, deployment),
        state_since=None if instance is None else optional_name(instance.updated_at_ms),
        price=price_view(deployment.price, currency),
        context_tokens=deployment.context_tokens,
        max_output_tokens=own.max_output_tokens,
        max_in_flight=own.max_in_flight,
        queue_limit=own.queue_limit,
        demonstration=not own.capable,
    )


def _origin(url: str) -> str:
    origin = parse_origin(url)
    return f"{'https' if origin.tls else 'http'}://{origin.host}:{origin.port}"
