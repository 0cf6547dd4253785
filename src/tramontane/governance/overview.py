"""Independence as it stands: what is set up and what was used, read from the store.

One place for the command, the page and the worker. It does not know the gateway; what a drill has
taken away is told by the drill.
"""

from pathlib import Path

import msgspec
from sqlalchemy import Connection

from tramontane.config import Settings
from tramontane.engines.plan import local_models
from tramontane.governance import access, drills
from tramontane.governance.facts import DIMENSIONS, Dimension, Facts
from tramontane.governance.independence import Used
from tramontane.governance.placing import facts_by_deployment, facts_of_provider, own_chip
from tramontane.governance.survival import (
    Outcome,
    Route,
    Survival,
    fates,
    struck,
    survivals,
)
from tramontane.providers.registry import Provider, providers
from tramontane.providers.remote import remote_models
from tramontane.store import deployments, models, usage
from tramontane.store import providers as stored_providers
from tramontane.store import routes as stored_routes
from tramontane.store.planning import merged_routes
from tramontane.store.records import Drill


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What is set up: the facts of each deployment, and what serves each public name.

    `kinds` are the kinds of provider of the deployments that are served elsewhere.
    """

    facts: dict[str, Facts]
    routes: tuple[Route, ...]
    kinds: dict[str, str]
    accounts: dict[str, Provider]

    def survivals(self) -> tuple[Survival, ...]:
        """Return what survives the loss of whom, by public name."""
        return survivals(self.routes, self.facts)


def standing(c: Connection, settings: Settings, models_dir: Path) -> Standing:
    """Return what the configuration file and the store have set up."""
    stored = deployments.list_all(c)
    entered = stored_providers.list_all(c)
    local = local_models(settings, stored, models.list_all(c), models_dir)
    remote = remote_models(settings, stored, entered)
    facts = facts_by_deployment(settings.independence, local, remote, own_chip())
    routes = {name: Route(name=name, deployments=(name,)) for name in facts}
    for name, route in merged_routes(settings.routes, stored_routes.list_all(c)).items():
        named = tuple(d for d in route.names if d in facts)
        routes[name] = Route(name=name, deployments=named, fallbacks=route.fallbacks)
    return Standing(
        facts=facts,
        routes=tuple(routes.values()),
        kinds={name: model.kind for name, model in remote.items()},
        accounts=providers(settings, entered),
    )


def used(
    c: Connection, settings: Settings, now: Standing, since_ms: int | None, until_ms: int | None
) -> list[Used]:
    """Return what each deployment served, with whose it was.

    A bill says which provider served it; where it says none, or its deployment is the same as now,
    the deployment's facts count.
    """
    rows = usage.report(c, by=("deployment", "provider"), since_ms=since_ms, until_ms=until_ms)
    return [
        Used(
            deployment=row.deployment or "",
            facts=_facts_of(row.deployment or "", row.provider or "", settings, now),
            requests=row.requests,
            tokens=row.prompt_tokens + row.completion_tokens,
            cost_nano=row.cost_nano,
        )
        for row in rows
    ]


def asked_for(c: Connection, since_ms: int | None, until_ms: int | None) -> dict[str, int]:
    """Return how often each public name was asked for."""
    rows = usage.report(c, by=("model",), since_ms=since_ms, until_ms=until_ms)
    return {row.model or "": row.requests for row in rows}


def _facts_of(deployment: str, provider: str, settings: Settings, now: Standing) -> Facts:
    found = now.facts.get(deployment)
    if found is not None and provider in ("", found.provider):
        return found
    if not provider:
        return Facts()
    return facts_of_provider(provider, settings.independence, now.accounts)


def expected(
    now: Standing, dimension: Dimension, name: str
) -> tuple[frozenset[str], dict[str, Outcome]]:
    """Return the deployments that are taken, and how each public name that rests on them fares."""
    taken = struck(dimension, name, now.facts)
    return taken, fates(now.routes, now.facts, dimension, name)


def split(without: str) -> tuple[Dimension, str]:
    """Return the dimension and the name of what a drill goes without."""
    dimension, _, name = without.partition(":")
    return next(known for known in DIMENSIONS if known == dimension), name


def drill_report(drill: Drill, now: Standing, log: Path) -> drills.Report:
    """Return the report of a drill that has ended, from the access log of this machine's gateway.

    How each name was expected to fare is judged by what is set up `now`. Raises OSError.
    """
    assert drill.ended_at_ms is not None
    long_ms = min(drill.ended_at_ms - drill.started_at_ms, drills.BEFORE_MOST_MS)
    taken, outcomes = expected(now, *split(drill.without))
    return drills.report(
        without=drill.without,
        started_at_ms=drill.started_at_ms,
        ended_at_ms=drill.ended_at_ms,
        lines=access.read(log, drill.started_at_ms - long_ms, drill.ended_at_ms),
        taken=taken,
        expected=dict(outcomes),
    )
