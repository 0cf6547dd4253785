"""Which deployments the policies of a project and its key allow, checked before a byte leaves.

Pure, over the directory. The rules themselves are `governance.policies`'; it does not know routes'
conditions, nor whether a deployment answers.
"""

import difflib

import msgspec

from tramontane.errors import Forbidden
from tramontane.gateway.directory import Deployment, Directory, Principal
from tramontane.governance.policies import UNPRICED, Objection, first_objection


def objection_to(
    principal: Principal, deployment: Deployment, tier: str | None = None
) -> Objection | None:
    """Return why `principal` may not use `deployment`, None where it may; at the service `tier`
    that is asked for, which may be dearer.
    """
    terms = deployment.terms
    if tier is not None and deployment.service_tiers:
        terms = msgspec.structs.replace(terms, price=deployment.price_at(tier))
    return first_objection(principal.policies, terms, has_budget=principal.has_budget)


def is_served(directory: Directory, principal: Principal, model: str) -> bool:
    """Return whether some deployment of `model` may be used by `principal`."""
    if not principal.is_bound:
        return True
    route = directory.route_of(principal.project.id, model)
    return route is not None and any(
        objection_to(principal, target.deployment) is None for target in route.targets
    )


def refusal(
    directory: Directory,
    principal: Principal,
    model: str,
    deployment: Deployment,
    tier: str | None = None,
) -> Forbidden:
    """Return the refusal of `model`, for what rules `deployment` out, with the nearest that is
    allowed.
    """
    found = objection_to(principal, deployment, tier) or UNPRICED
    allowed = {
        name: any(target.deployment.is_capable for target in route.targets)
        for name, route in directory.routes_of(principal.project.id)
        if name != model and principal.allows_model(name) and is_served(directory, principal, name)
    }
    capable = [name for name, is_capable in allowed.items() if is_capable] or list(allowed)
    near = difflib.get_close_matches(model[:100], capable, n=1, cutoff=0.0)
    hint = f" The nearest allowed model is '{near[0]}'." if near else " No other model is allowed."
    return Forbidden(
        f"The policy of this project or key rules out the model '{model[:100]}': {found.reason}."
        + hint,
        code=f"policy_{found.rule}",
        param="model",
    )
