"""From a public model name to the deployments that may serve it: pure functions.

The order is the route's own. What does not fit the request, is taken away by a drill or is not up
is left out; neighbours with weights are drawn. It does not know whether a deployment answers: see
`breaker` and `retries`.
"""

import difflib
from collections.abc import Callable, Iterator

import msgspec

from tramontane.config import RouteCondition
from tramontane.errors import Forbidden, InvalidRequest, NotFound, TramontaneError, Unavailable
from tramontane.gateway import policies
from tramontane.gateway.directory import Deployment, Directory, Principal, Route, Target
from tramontane.wire.openai.intent import Intent

PROMPT_BYTES_PER_TOKEN = 4
_ANY = RouteCondition()


class Facts(msgspec.Struct, frozen=True, gc=False):
    """What of a request decides where it may go. `prompt_bytes` are those of its text."""

    model: str
    prompt_bytes: int = 0
    images: int = 0
    has_tools: bool = False
    service_tier: str | None = None


class Plan(msgspec.Struct, frozen=True):
    """The deployments to be tried, in order, and with how much patience: see `RouteSettings`."""

    deployments: tuple[Deployment, ...]
    retries: int = 0
    timeout_s: float | None = None
    deadline_s: float | None = None


def facts_of(intent: Intent) -> Facts:
    """Return what decides where `intent` may go."""
    return Facts(
        intent.model,
        intent.prompt_bytes,
        intent.images,
        has_tools="tools" in intent.fields,
        service_tier=intent.service_tier,
    )


def plan(
    directory: Directory,
    principal: Principal,
    facts: Facts,
    *,
    now_ms: int,
    draw: Callable[[], float],
) -> Plan:
    """Return what is to be tried. `draw` gives numbers from 0 to 1, 1 excluded, for weights.

    Raises NotFound (with the nearest names), Forbidden where project or key exclude the model or
    its terms are not accepted, InvalidRequest where no deployment takes such a request,
    Unavailable where none is up.
    """
    model = facts.model
    route = directory.routes.get(model)
    if route is None:
        route = _published(directory, principal, model)
    elif not route.is_shared:
        route = route.within(principal.project.id)
    if route is None or not principal.allows_model(model):
        raise _refusal(directory, principal, model, is_known=route is not None)
    if len(route.targets) == 1 and not route.fallbacks and not directory.drills:
        (target,) = route.targets  # by far the most: nothing to weigh
        only = target.deployment
        if target.when is None and only.can_serve and not principal.is_bound:
            return Plan((only,), route.retries, route.timeout_s, route.deadline_s)
    without = directory.without(now_ms) if directory.drills else frozenset()
    project = principal.project.name
    found: list[Deployment] = []
    problem: TramontaneError | None = None
    for name, each in _with_fallbacks(directory, principal, model, route):
        fitting = _fitting(each.targets, facts, project)
        allowed = _allowed(fitting, principal, facts.service_tier)
        usable = [t for t in allowed if not is_away(t.deployment, without)]
        up = [t for t in usable if t.deployment.can_serve]
        before = frozenset(deployment.name for deployment in found)
        found += (one for one in _in_order(up, draw) if one.name not in before)
        if problem is None and fitting and not allowed:
            one = fitting[0].deployment
            problem = policies.refusal(directory, principal, name, one, facts.service_tier)
        problem = problem or _problem(
            name, each, fitting, usable, up, away_s=directory.away_s(now_ms)
        )
    if not found:
        assert problem is not None
        raise problem
    return Plan(tuple(found), route.retries, route.timeout_s, route.deadline_s)


def is_away(deployment: Deployment, without: frozenset[str]) -> bool:
    """Return whether drills without those facts, such as `provider:mistral`, take it away."""
    if not without:
        return False
    return not without.isdisjoint(deployment.facts) or not without.isdisjoint(
        (
            f"deployment:{deployment.name}",
            f"provider:{deployment.provider}",
            f"region:{deployment.region}",
        )
    )


def fits(when: RouteCondition | None, facts: Facts, project: str) -> bool:
    """Return whether a request of the project called `project` is as `when` says."""
    if when is None or when == _ANY:
        return True
    tokens = facts.prompt_bytes // PROMPT_BYTES_PER_TOKEN
    return (
        (when.has_images is None or when.has_images == (facts.images > 0))
        and (when.has_tools is None or when.has_tools == facts.has_tools)
        and (when.min_prompt_tokens is None or tokens >= when.min_prompt_tokens)
        and (when.max_prompt_tokens is None or tokens <= when.max_prompt_tokens)
        and (when.projects is None or project in when.projects)
    )


def visible_models(directory: Directory, principal: Principal) -> list[str]:
    """Return the public names that the principal may use."""
    return [
        name
        for name, _ in directory.routes_of(principal.project.id)
        if principal.allows_model(name) and policies.is_served(directory, principal, name)
    ]


def _published(directory: Directory, principal: Principal, model: str) -> Route | None:
    """Return what serves the publication of that name to the principal's project.

    None where there is none that it may know of. Raises Forbidden where it is not allowed, its
    terms are not accepted or it is withdrawn, Unavailable where nothing serves it any more.
    """
    published = directory.published.get(model)
    project = principal.project
    if published is None or not published.is_known_to(project.id):
        return None
    if not principal.allows_model(model):
        raise _refusal(directory, principal, model, is_known=True)
    if published.is_withdrawn:
        raise Forbidden(
            f"The model '{model}' has been withdrawn by its publisher and is served no more."
            " Nothing was charged. Ask for another model.",
            code="publication_withdrawn",
            param="model",
        )
    route = published.routes.get(project.id)
    if route is None:
        raise Forbidden(
            f"The project '{project.name}' has not accepted the terms of the model '{model}'."
            " Nothing was charged. A manager of the project can read and accept them under"
            " 'Published models', or at /api/v1/publications.",
            code="terms_not_accepted",
            param="model",
        )
    if not route.targets:
        raise Unavailable(
            f"The model '{model}' cannot be served: its publisher's deployment is gone."
            " Nothing was charged. Ask its publisher, or for another model.",
            code="publication_unserved",
        )
    return route


def _with_fallbacks(
    directory: Directory, principal: Principal, model: str, route: Route
) -> Iterator[tuple[str, Route]]:
    """Yield the route and, depth first, those it falls back to, each once."""
    yield model, route
    seen = {model}
    waiting = list(reversed(route.fallbacks))
    while waiting:
        name = waiting.pop()
        other = directory.routes.get(name)
        other = None if other is None else other.within(principal.project.id)
        if name in seen or other is None or not principal.allows_model(name):
            continue
        seen.add(name)
        yield name, other
        waiting.extend(reversed(other.fallbacks))


def _fitting(targets: tuple[Target, ...], facts: Facts, project: str) -> list[Target]:
    return [target for target in targets if fits(target.when, facts, project)]


def _allowed(targets: list[Target], principal: Principal, tier: str | None) -> list[Target]:
    if not principal.is_bound:
        return targets
    return [t for t in targets if policies.objection_to(principal, t.deployment, tier) is None]


def _in_order(targets: list[Target], draw: Callable[[], float]) -> Iterator[Deployment]:
    step: list[Target] = []
    for target in targets:
        if target.weight is not None:
            step.append(target)
            continue
        yield from _drawn(step, draw)
        step = []
        yield target.deployment
    yield from _drawn(step, draw)


def _drawn(step: list[Target], draw: Callable[[], float]) -> Iterator[Deployment]:
    """Yield the deployments of one step, drawn by weight; those of weight 0 come last."""
    left = [target for target in step if target.weight]
    while len(left) > 1:
        at = draw() * sum(target.weight or 0 for target in left)
        for target in left:
            at -= target.weight or 0
            if at < 0:
                break
        left.remove(target)
        yield target.deployment
    yield from (target.deployment for target in left)
    yield from (target.deployment for target in step if not target.weight)


def _problem(
    model: str,
    route: Route,
    fitting: list[Target],
    usable: list[Target],
    up: list[Target],
    *,
    away_s: float,
) -> TramontaneError | None:
    """Return why nothing of this route can be tried, None where something can. `away_s`: how much
    longer a drill lasts.
    """
    if up:
        return None
    if not route.targets:
        return Unavailable(f"The model '{model}' is not up. No deployment serves it.")
    if not fitting:
        return InvalidRequest(
            f"No deployment of the model '{model}' takes such a request: see its route's"
            " conditions on images, tools, the prompt's length and projects.",
            code="no_deployment_for_request",
            param="model",
        )
    if not usable:
        return Unavailable(
            f"The model '{model}' has been taken away for a drill.",
            code="taken_away",
            retry_after_s=away_s,
        )
    first = usable[0].deployment
    # Who buys is not told what the publisher's engine said.
    reason = "" if first.sale is not None else f" {first.unavailable_reason}"
    return Unavailable(f"The model '{model}' is not up.{reason}", retry_after_s=2)


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
