"""How much depends on whom: shares of tokens and cost, and how concentrated they are.

Pure: usage and facts come in, figures go out. What is unknown is counted as unknown, and
concentration is given as the least and the most that it can then be. It does not know who asks, nor
how a share is shown.
"""

from collections.abc import Iterable, Mapping

import msgspec

from tramontane.governance.facts import DIMENSIONS, Dimension, Facts


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """What one deployment served in the time that is looked at; cost in nano-units."""

    deployment: str
    facts: Facts
    requests: int
    tokens: int
    cost_nano: int


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What one of them served; `name` None: nobody knows who. Shares are from 0 to 1."""

    name: str | None
    requests: int
    tokens: int
    cost_nano: int
    tokens_share: float
    cost_share: float


class Concentration(msgspec.Struct, frozen=True, kw_only=True):
    """The Herfindahl-Hirschman index, from 0 to 1: the sum of the squared shares.

    `hhi_least` is what it is if all that is unknown is spread thin, `hhi_most` if all of it is the
    largest one's. `largest` is the largest share that is known, and whose; `unknown` what is not.
    (Rhoades, "The Herfindahl-Hirschman Index", Federal Reserve Bulletin, March 1993; there from 0
    to 10,000.)
    """

    hhi_least: float
    hhi_most: float
    largest: str | None
    largest_share: float
    unknown_share: float


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """One dimension: who served how much, the most first; None where nothing was used (or paid)."""

    dimension: Dimension
    shares: tuple[Share, ...]
    by_tokens: Concentration | None
    by_cost: Concentration | None


def spreads(used: Iterable[Used]) -> tuple[Spread, ...]:
    """Return the spread over each dimension."""
    rows = tuple(used)
    return tuple(_spread(dimension, rows) for dimension in DIMENSIONS)


def concentration(amounts: Mapping[str | None, int]) -> Concentration | None:
    """Return how concentrated `amounts` are; None where they are all zero.

    >>> concentration({"a": 3, "b": 1}).hhi_least
    0.625
    """
    total = sum(amounts.values())
    if total <= 0:
        return None
    unknown = amounts.get(None, 0) / total
    known = {name: amount / total for name, amount in amounts.items() if name is not None}
    largest = max(known, key=lambda name: known[name], default=None)
    largest_share = known[largest] if largest is not None else 0.0
    squares = sum(share * share for share in known.values())
    most = squares - largest_share**2 + (largest_share + unknown) ** 2
    return Concentration(
        hhi_least=squares,
        hhi_most=most,
        largest=largest,
        largest_share=largest_share,
        unknown_share=unknown,
    )


def _spread(dimension: Dimension, rows: tuple[Used, ...]) -> Spread:
    sums: dict[str | None, list[int]] = {}
    for row in rows:
        found = sums.setdefault(row.facts.of(dimension), [0, 0, 0])
        for at, amount in enumerate((row.requests, row.tokens, row.cost_nano)):
            found[at] += amount
    tokens = sum(found[1] for found in sums.values())
    cost = sum(found[2] for found in sums.values())
    shares = [
        Share(
            name=name,
            requests=found[0],
            tokens=found[1],
            cost_nano=found[2],
            tokens_share=found[1] / tokens if tokens else 0.0,
            cost_share=found[2] / cost if cost else 0.0,
        )
        for name, found in sums.items()
    ]
    return Spread(
        dimension=dimension,
        shares=tuple(sorted(shares, key=lambda s: (-s.tokens, -s.cost_nano, s.name or "~"))),
        by_tokens=concentration({name: found[1] for name, found in sums.items()}),
        by_cost=concentration({name: found[2] for name, found in sums.items()}),
    )
