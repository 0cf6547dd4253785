"""From a public model name to the deployments that may serve it: a pure function."""

import difflib

from tramontane.errors import Forbidden, NotFound, Unavailable
from tramontane.gateway.directory import Deployment, Directory, Principal


def candidates(directory: Directory, principal: Principal, model: str) -> tuple[Deployment, ...]:
    """Return the deployments to be tried, in order.

    Raises NotFound (with the nearest names), Forbidden where project or key exclude the model,
    Unavailable where none of its deployments is up.
    """
    route = directory.routes.get(model)
    if route is None or not principal.allows_model(model):
        raise _refusal(directory, principal, model, is_known=route is not None)
    up = tuple(deployment for deployment in route if deployment.origin is not None)
    if not up:
        reason = route[0].unavailable_reason if route else "No deployment serves it."
        raise Unavailable(f"The model '{model}' is not up. {reason}", retry_after_s=2)
    return up


def visible_models(directory: Directory, principal: Principal) -> list[str]:
    """Return the public names that the principal may use."""
    return [name for name in directory.routes if principal.allows_model(name)]


def _refusal(
    directory: Directory, principal: Principal, model: str, *, is_known: bool
) -> NotFound | Forbidden:
    names = visible_models(directory, principal)
    if is_known:
        allowed = ", ".join(f"'{name}'" for name in names[:8]) or "none"
        return Forbidden(
            f"This key may not use the model '{model}'. It may use: {allowed}.",
            code="model_not_allowed",
            param="model",
        )
    near = difflib.get_close_matches(model[:100], names, n=3, cutoff=0.4) or names[:3]
    hint = " or ".join(f"'{name}'" for name in near)
    return NotFound(
        f"The model '{model[:100]}' does not exist."
        + (f" Did you mean {hint}?" if hint else " No model is deployed yet."),
        code="model_not_found",
        param="model",
    )
