"""Deployments as the assistant sees them, put together from the plan and the settings.

It does not know who asks: the routes show to each caller what it may use.
"""

from tramontane.assistant.served import HERE, Kind, Served
from tramontane.config import parse_origin
from tramontane.providers.reach import provider_of
from tramontane.studio import serving


def served(deployment: serving.Deployment) -> Served:
    """Return what the assistant is to know of `deployment`."""
    own = deployment.settings
    host = provider = version = region = None
    remote = deployment.remote
    if own.url is not None:
        host, known = parse_origin(own.url).host, provider_of(own.url)
        provider = host if known is None else known.title
    if remote is not None:
        version, region = own.upstream_model or deployment.name, remote.region or None
        if remote.account is not None:
            provider = remote.account.kind.title
    return Served(
        deployment=deployment.name,
        models=deployment.models,
        kind=_kind(deployment.engine),
        price=deployment.price,
        place=host or HERE,
        provider=provider or deployment.engine,
        state=deployment.state,
        message=deployment.message,
        context_tokens=deployment.context_tokens,
        max_output_tokens=own.max_output_tokens,
        is_capable=deployment.is_capable,
        is_demonstration=deployment.is_demonstration,
        supports_tools=deployment.supports_tools,
        languages=own.languages,
        open_weights=own.open_weights,
        version=version,
        region=region,
    )


def _kind(engine: serving.Engine) -> Kind:
    if engine == "guide":
        return "guide"
    return "remote" if engine == "remote" else "local"
