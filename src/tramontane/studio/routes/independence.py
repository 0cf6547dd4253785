"""`/api/v1/independence`: whom the platform depends on, and what stands without them."""

from typing import Annotated

import msgspec
from litestar import get
from litestar.params import QueryParameter

from tramontane.datafolder import DataFolder
from tramontane.governance import overview
from tramontane.governance.facts import DIMENSIONS, Dimension, Facts, Source, sources_of
from tramontane.governance.independence import Concentration, Share, Spread, spreads
from tramontane.governance.survival import Outcome, Survival
from tramontane.money import format_nano
from tramontane.studio.moments import optional_name, parse_optional
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform


class ShareView(msgspec.Struct, frozen=True, kw_only=True):
    """What one of them served; `name` null: nobody has said who. Shares are from 0 to 1."""

    name: str | None
    requests: int
    tokens: int
    cost: str
    tokens_share: float
    cost_share: float


class ConcentrationView(msgspec.Struct, frozen=True, kw_only=True):
    """The Herfindahl-Hirschman index, from 0 to 1 (one for all): at least `hhi_least`, at most
    `hhi_most`, since what is unknown may be anybody's.
    """

    hhi_least: float
    hhi_most: float
    largest: str | None
    largest_share: float
    unknown_share: float


class SpreadView(msgspec.Struct, frozen=True, kw_only=True):
    """One dimension, the most tokens first. Concentration is null where nothing was used or paid.

    `seat` is the country whose law the owner is under, `jurisdiction` where requests are processed.
    """

    dimension: Dimension
    shares: list[ShareView]
    by_tokens: ConcentrationView | None
    by_cost: ConcentrationView | None


class SourceView(msgspec.Struct, frozen=True, kw_only=True):
    """Where facts come from, and the day on which it was read."""

    facts: tuple[Dimension, ...]
    url: str
    read: str
    note: str


class DeploymentFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Who stands behind a deployment; null is unknown. `local` is this machine, `own` ourselves."""

    name: str
    provider: str | None
    host: str | None
    owner: str | None
    seat: str | None
    chip: str | None
    jurisdiction: str | None
    sources: list[SourceView]


class LossView(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a public name without one whom it rests on.

    `stands`: another deployment of it is somebody else's. `falls_back`: another model answers.
    `unsure`: what is left may be theirs too. `left` are the deployments that surely stand.
    """

    dimension: Dimension
    name: str
    outcome: Outcome
    left: tuple[str, ...]


class SurvivalView(msgspec.Struct, frozen=True, kw_only=True):
    """A public model name, how often it was asked for in this time, and the loss of each whom one
    of its deployments rests on.
    """

    model: str
    requests: int
    deployments: tuple[str, ...]
    fallbacks: tuple[str, ...]
    losses: list[LossView]


class IndependenceView(msgspec.Struct, frozen=True, kw_only=True):
    """Use from `since` up to, not including, `until`, by who served it; costs in `currency`."""

    currency: str
    since: str | None
    until: str | None
    requests: int
    tokens: int
    cost: str
    spreads: list[SpreadView]
    deployments: list[DeploymentFacts]
    models: list[SurvivalView]


@get(
    "/independence",
    **describe(
        "getIndependence", "Show whom the platform depends on", "Independence", right="operate"
    ),
)
def get_independence(
    platform: GivenPlatform,
    since: Annotated[
        str | None, QueryParameter(description="From this date or moment on (RFC 3339, UTC).")
    ] = None,
    until: Annotated[
        str | None, QueryParameter(description="Up to, not including, this date or moment.")
    ] = None,
) -> IndependenceView:
    """Needs the right `operate`. Facts come from what ships, with their sources, and from
    `[independence.NAME]` of the configuration file. What survives is judged by what is set up.
    """
    since_ms, until_ms = parse_optional(since, "since"), parse_optional(until, "until")
    settings = platform.settings
    with platform.store.read() as c:
        now = overview.standing(c, settings, DataFolder(settings.data_dir).models)
        rows = overview.used(c, settings, now, since_ms, until_ms)
        asked = overview.asked_for(c, since_ms, until_ms)
    return IndependenceView(
        currency=settings.currency,
        since=optional_name(since_ms),
        until=optional_name(until_ms),
        requests=sum(row.requests for row in rows),
        tokens=sum(row.tokens for row in rows),
        cost=format_nano(sum(row.cost_nano for row in rows)),
        spreads=[_spread(spread) for spread in spreads(rows)],
        deployments=[
            _facts(name, known, sources_of(now.kinds.get(name, "")))
            for name, known in sorted(now.facts.items())
        ],
        models=[_survival(each, asked.get(each.model, 0)) for each in now.survivals()],
    )


def _spread(spread: Spread) -> SpreadView:
    return SpreadView(
        dimension=spread.dimension,
        shares=[_share(share) for share in spread.shares],
        by_tokens=_concentration(spread.by_tokens),
        by_cost=_concentration(spread.by_cost),
    )


def _share(share: Share) -> ShareView:
    fields = msgspec.structs.asdict(share)
    return ShareView(cost=format_nano(fields.pop("cost_nano")), **fields)


def _concentration(found: Concentration | None) -> ConcentrationView | None:
    return None if found is None else ConcentrationView(**msgspec.structs.asdict(found))


def _facts(name: str, known: Facts, sources: tuple[Source, ...]) -> DeploymentFacts:
    told = {dimension: known.of(dimension) for dimension in DIMENSIONS}
    views = [SourceView(**msgspec.structs.asdict(source)) for source in sources]
    return DeploymentFacts(name=name, sources=views, **told)


def _survival(survival: Survival, requests: int) -> SurvivalView:
    return SurvivalView(
        model=survival.model,
        requests=requests,
        deployments=survival.deployments,
        fallbacks=survival.fallbacks,
        losses=[LossView(**msgspec.structs.asdict(loss)) for loss in survival.losses],
    )
