"""`tramontane independence`: whom the platform depends on, and what stands without them."""

import re
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from tramontane.cli.options import AsJson, ConfigFile, DataDir, parse_since
from tramontane.cli.output import print_json, print_table, view
from tramontane.cli.platform import opened
from tramontane.cli.settled import import_settled
from tramontane.money import format_nano
from tramontane.store.windows import time_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tramontane.governance.facts import Facts
    from tramontane.governance.independence import Concentration, Spread
    from tramontane.governance.survival import Survival

TITLES = {
    "provider": "provider",
    "host": "host cloud",
    "owner": "owner",
    "seat": "owner's law",
    "chip": "chip",
    "jurisdiction": "jurisdiction",
}
OUTCOMES = {
    "lost": "lost",
    "unsure": "not sure",
    "falls_back": "another model answers",
    "stands": "stands",
}
"""How outcomes are said to people."""


def independence(
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="WHEN", help="From this date or moment on, or 30d back."),
    ] = "30d",
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="WHEN", help="Up to, not including, this date or moment."),
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    data: DataDir = None,
) -> None:
    """Show shares of tokens and cost by provider, host cloud, owner, its law, chip and place.

    And how concentrated they are, and what survives the loss of each.
    """
    from tramontane.governance import overview
    from tramontane.governance.independence import spreads

    with opened(config, data) as platform:
        since_ms = parse_since(since, platform.now_ms, "--since")
        until_ms = parse_since(until, platform.now_ms, "--until")
        pending = import_settled(platform)
        with platform.store.read() as c:
            now = overview.standing(c, platform.settings, platform.folder.models)
            rows = overview.used(c, platform.settings, now, since_ms, until_ms)
    found, survivals, currency = spreads(rows), now.survivals(), platform.settings.currency
    if as_json:
        print_json(
            {
                "currency": currency,
                "since": None if since_ms is None else time_name(since_ms),
                "until": None if until_ms is None else time_name(until_ms),
                "spreads": [_spread_json(spread) for spread in found],
                "deployments": {
                    name: msgspec.to_builtins(facts) for name, facts in sorted(now.facts.items())
                },
                "models": [msgspec.to_builtins(survival) for survival in survivals],
                "pending": msgspec.to_builtins(pending),
            }
        )
        return
    for spread in found:
        _print_spread(spread, currency)
    _print_survivals(survivals)
    _print_unsaid(now.facts)


def _spread_json(spread: "Spread") -> dict[str, Any]:
    return {
        "dimension": spread.dimension,
        "shares": [view(share) for share in spread.shares],
        "by_tokens": msgspec.to_builtins(spread.by_tokens),
        "by_cost": msgspec.to_builtins(spread.by_cost),
    }


def _print_spread(spread: "Spread", currency: str) -> None:
    print_table(
        (TITLES[spread.dimension], "tokens", "of tokens", "cost", "of cost"),
        (
            (
                "unknown" if share.name is None else share.name,
                share.tokens,
                f"{share.tokens_share:.1%}",
                f"{format_nano(share.cost_nano)} {currency}",
                f"{share.cost_share:.1%}",
            )
            for share in spread.shares
        ),
        empty=f"{TITLES[spread.dimension]}: nothing was used in this time",
    )
    if spread.by_tokens is not None:
        print(f"concentration of tokens  {_index(spread.by_tokens)}")
    if spread.by_cost is not None:
        print(f"concentration of cost    {_index(spread.by_cost)}")
    print()


def _index(found: "Concentration") -> str:
    """1 is one for all; what is unknown may be anybody's, so there may be a least and a most."""
    least, most = f"{found.hhi_least:.2f}", f"{found.hhi_most:.2f}"
    return least if least == most else f"{least} to {most}, since not all is known"


def _print_unsaid(facts: "Mapping[str, Facts]") -> None:
    """One line for each who serves and of whom something is unknown: which setting says it."""
    from tramontane.governance.facts import unsaid

    for name, dimensions in unsaid(facts).items():
        key = name if re.fullmatch(r"[\w-]+", name, re.ASCII) else f'"{name}"'  # as TOML has it
        print(
            f"unknown of {name}: {', '.join(TITLES[each] for each in dimensions)}; say it under"
            f" [independence.{key}] in the configuration file: {', '.join(dimensions)}"
        )


def _print_survivals(survivals: "tuple[Survival, ...]") -> None:
    """One line for each whom something rests on: which models fare how without them."""
    without: dict[str, dict[str, list[str]]] = {}
    for survival in survivals:
        for loss in survival.losses:
            fared = without.setdefault(f"{loss.dimension}:{loss.name}", {})
            fared.setdefault(loss.outcome, []).append(survival.model)
    order = list(TITLES)
    print_table(
        ("without", *OUTCOMES.values()),
        (
            (name, *(", ".join(fared.get(outcome, ())) or None for outcome in OUTCOMES))
            for name, fared in sorted(
                without.items(), key=lambda each: (order.index(each[0].partition(":")[0]), each[0])
            )
        ),
        empty="no model is served yet",
    )
