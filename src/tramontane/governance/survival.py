"""What stands without somebody: for every public model name, the loss of each it rests on.

Pure. It judges by what is set up, not by what is up just now, and does not know prices or policies.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Literal

import msgspec

from tramontane.errors import InvalidRequest, NotFound
from tramontane.governance.facts import DIMENSIONS, Dimension, Facts, labels, may_be

Outcome = Literal["stands", "falls_back", "unsure", "lost"]
"""`unsure`: what is left may be theirs too, since nobody has said whose it is."""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A public model name: what serves it, and the names that it falls back to."""

    name: str
    deployments: tuple[str, ...]
    fallbacks: tuple[str, ...] = ()


class Loss(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a name without one whom it rests on. `left` are deployments that stand."""

    dimension: Dimension
    name: str
    outcome: Outcome
    left: tuple[str, ...]


class Survival(msgspec.Struct, frozen=True, kw_only=True):
    """One public name, and the loss of each whom one of its deployments rests on."""

    model: str
    deployments: tuple[str, ...]
    fallbacks: tuple[str, ...]
    losses: tuple[Loss, ...]


def survivals(routes: Iterable[Route], facts: Mapping[str, Facts]) -> tuple[Survival, ...]:
    """Return what survives the loss of whom, by public name."""
    by_name = {route.name: route for route in routes}
    return tuple(_survival(route, by_name, facts) for _, route in sorted(by_name.items()))


def struck(dimension: Dimension, name: str, facts: Mapping[str, Facts]) -> frozenset[str]:
    """Return the deployments that are known to rest on `name`."""
    return frozenset(d for d, known in facts.items() if f"{dimension}:{name}" in labels(known))


def behind(routes: Iterable[Route]) -> frozenset[str]:
    """Return the deployments that serve another name, which is asked for instead of theirs."""
    return frozenset(name for route in routes for name in route.deployments if name != route.name)


def fates(
    routes: Iterable[Route], facts: Mapping[str, Facts], dimension: Dimension, name: str
) -> dict[str, Outcome]:
    """Return what becomes without `name` of each public name that rests on it."""
    by_name = {route.name: route for route in routes}
    gone = struck(dimension, name, facts)
    return {
        route.name: _loss(route, dimension, name, by_name, facts).outcome
        for route in by_name.values()
        if not gone.isdisjoint(route.deployments)
    }


def parse(without: str, facts: Mapping[str, Facts]) -> tuple[Dimension, str]:
    """Return the dimension and the name that `without` means: `DIMENSION:NAME`, or a bare name.

    Case does not matter. Raises NotFound with the names there are, InvalidRequest where a bare name
    would mean different deployments in different dimensions.
    """
    found = _nameable(facts)
    wanted = without.strip().casefold()
    exact = [pair for pair in found if f"{pair[0]}:{pair[1]}".casefold() == wanted]
    if exact:
        return exact[0]
    bare = [pair for pair in found if pair[1].casefold() == wanted]
    if not bare:
        known = ", ".join(f"{dimension}:{name}" for dimension, name in found[:24]) or "nobody"
        near = _nearest(wanted, found)
        meant = f" Did you mean {' or '.join(near)}?" if near else ""
        raise NotFound(
            f"Nothing rests on {without[:80]!r}, so nothing was taken away.{meant} There are:"
            f" {known}.",
            param="without",
        )
    if len({struck(dimension, name, facts) for dimension, name in bare}) > 1:
        choices = " or ".join(f"{dimension}:{name}" for dimension, name in bare)
        raise InvalidRequest(f"Several are called so: say {choices}.", param="without")
    return bare[0]


def _nearest(wanted: str, found: Iterable[tuple[Dimension, str]]) -> list[str]:
    """Return those that are spelt nearly so, with or without their dimension."""
    spelt = {f"{dimension}:{name}".casefold(): f"{dimension}:{name}" for dimension, name in found}
    spelt |= {
        name.casefold(): whole for whole in spelt.values() for name in [whole.partition(":")[2]]
    }
    near = get_close_matches(wanted[:80], spelt, 3)
    return list(dict.fromkeys(spelt[each] for each in near))


def _named(facts: Mapping[str, Facts]) -> list[tuple[Dimension, str]]:
    found = {
        (dimension, value): None
        for dimension in DIMENSIONS
        for known in facts.values()
        if (value := known.of(dimension)) is not None
    }
    return sorted(found, key=lambda pair: (DIMENSIONS.index(pair[0]), pair[1].casefold()))


def _nameable(facts: Mapping[str, Facts]) -> list[tuple[Dimension, str]]:
    """Return whom a drill can go without: also the union of which only members are known."""
    found = {
        (dimension, label.partition(":")[2])
        for known in facts.values()
        for label in labels(known)
        for dimension in DIMENSIONS
        if label.startswith(f"{dimension}:")
    }
    return sorted(found, key=lambda pair: (DIMENSIONS.index(pair[0]), pair[1].casefold()))


def _survival(route: Route, by_name: Mapping[str, Route], facts: Mapping[str, Facts]) -> Survival:
    own = {name: facts[name] for name in route.deployments if name in facts}
    losses = [_loss(route, dimension, name, by_name, facts) for dimension, name in _named(own)]
    return Survival(
        model=route.name,
        deployments=route.deployments,
        fallbacks=route.fallbacks,
        losses=tuple(losses),
    )


def _loss(
    route: Route,
    dimension: Dimension,
    name: str,
    by_name: Mapping[str, Route],
    facts: Mapping[str, Facts],
) -> Loss:
    left, unsure = _left(route, dimension, name, facts)
    outcome: Outcome = "stands" if left else "unsure" if unsure else "lost"
    if outcome != "stands":
        behind, behind_unsure = _left_behind(route, dimension, name, by_name, facts)
        left += behind
        if behind:
            outcome = "falls_back"
        elif behind_unsure:
            outcome = "unsure"
    return Loss(dimension=dimension, name=name, outcome=outcome, left=left)


def _left(
    route: Route, dimension: Dimension, name: str, facts: Mapping[str, Facts]
) -> tuple[tuple[str, ...], bool]:
    """Return the deployments that surely stand, and whether others may."""
    known = {d: facts[d] for d in route.deployments if d in facts}
    gone = struck(dimension, name, known)
    unsure = {d for d in known.keys() - gone if may_be(dimension, known[d].of(dimension), name)}
    return tuple(d for d in known if d not in gone and d not in unsure), bool(unsure)


def _left_behind(
    route: Route,
    dimension: Dimension,
    name: str,
    by_name: Mapping[str, Route],
    facts: Mapping[str, Facts],
) -> tuple[tuple[str, ...], bool]:
    """As `_left`, of the names that `route` falls back to."""
    found: dict[str, None] = {}
    unsure = False
    for fallback in route.fallbacks:
        if fallback in by_name:
            left, maybe = _left(by_name[fallback], dimension, name, facts)
            found.update(dict.fromkeys(left))
            unsure = unsure or maybe
    return tuple(found), unsure
