"""`/api/v1/statements`: what a project bought of others in a month, and what it sold to them.

Both sides are shown sums over the very same bills. It shows what has been moved out of the
metering journal; the newest seconds are still on the way.
"""

import csv
import io
from typing import Annotated, Any, Literal

import msgspec
from litestar import MediaType, Request, Response, get
from litestar.params import QueryParameter

from tramontane.errors import InvalidRequest
from tramontane.governance import settlement
from tramontane.governance.settlement import Statement
from tramontane.money import format_nano
from tramontane.store import projects, trades
from tramontane.store.trades import Trade
from tramontane.store.windows import day_name
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.operations import CsvOperation, describe
from tramontane.studio.platform import GivenPlatform
from tramontane.studio.routes.projects import seen_by

COLUMNS = (
    "month", "side", "publication", "name", "version", "counterpart", "requests",
    "prompt_tokens", "completion_tokens", "cached_tokens", "amount", "serving_cost", "currency",
    "digest",
)  # fmt: skip


class BoughtLine(msgspec.Struct, frozen=True, kw_only=True):
    """What was bought under one version of one publication. `digest` is the same on the
    publisher's statement.
    """

    publication: str
    name: str
    publisher_id: str
    publisher: str
    version: int
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cost: str
    digest: str


class SoldLine(msgspec.Struct, frozen=True, kw_only=True):
    """What one project bought under one version. `digest` is the same on the buyer's statement;
    `serving_cost`, at the deployment's own price, is on none but this.
    """

    publication: str
    name: str
    buyer_id: str
    buyer: str
    version: int
    requests: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    income: str
    serving_cost: str
    digest: str


class StatementTotals(msgspec.Struct, frozen=True, kw_only=True):
    """Sums in the statement's currency, exact to nine places."""

    bought: str
    sold: str
    serving_cost: str


class StatementView(msgspec.Struct, frozen=True, kw_only=True):
    """A project's statement of a month, by UTC and by when requests began, as budgets count.

    `is_final` a day after the month's end. `digest` is the SHA-256 of the whole: it changes where
    anything does.
    """

    project_id: str
    project: str
    month: str
    currency: str
    bought: list[BoughtLine]
    sold: list[SoldLine]
    totals: StatementTotals
    is_final: bool
    digest: str


@get(
    "/statements",
    operation_class=CsvOperation,
    **describe("getStatement", "Show a project's statement", "Usage", right="read", errors=(404,)),
)
def get_statement(
    platform: GivenPlatform,
    caller: GivenCaller,
    request: Request[Any, Any, Any],
    project_id: Annotated[
        str | None,
        QueryParameter(description="By identifier or name; left out: the only one of the caller."),
    ] = None,
    month: Annotated[
        str | None, QueryParameter(description="Such as 2026-11; left out: the present one (UTC).")
    ] = None,
    format: Annotated[  # noqa: A002 - the name in the address
        Literal["json", "csv"] | None,
        QueryParameter(description="The answer's form; left out, the `accept` header decides."),
    ] = None,
) -> Response[StatementView]:
    """What the project bought and sold. Its members and keys see it, and operators every one."""
    now_ms = platform.clock_ms()
    chosen = month or day_name(now_ms)[:7]
    try:
        since_ms, until_ms = settlement.month_bounds(chosen)
    except ValueError:
        raise InvalidRequest("month: write it as 2026-11.", param="month") from None
    assert until_ms is not None
    with platform.store.read() as c:
        project = seen_by(c, caller, project_id or _only_project(caller))
        found = trades.of_project(c, project.id, since_ms, until_ms)
        names = {each.id: each.name for each in projects.list_all(c)}
    told = settlement.statement(
        found,
        project_id=project.id,
        month=chosen,
        currency=platform.settings.currency,
        now_ms=now_ms,
    )
    if format == "csv" or (format is None and _prefers_csv(request)):
        text: Any = as_csv(told, names)
        return Response(text, media_type="text/csv")
    return Response(view(told, names), media_type=MediaType.JSON)


def view(told: Statement, names: dict[str, str]) -> StatementView:
    """Return the statement in decimals, with the `names` of projects by id."""
    return StatementView(
        project_id=told.project_id,
        project=names[told.project_id],
        month=told.month,
        currency=told.currency,
        bought=[
            BoughtLine(
                publisher_id=trade.publisher_id,
                publisher=names.get(trade.publisher_id, ""),
                cost=format_nano(trade.cost_nano),
                **_line(told, trade),
            )
            for trade in told.bought
        ],
        sold=[
            SoldLine(
                buyer_id=trade.buyer_id,
                buyer=names.get(trade.buyer_id, ""),
                income=format_nano(trade.cost_nano),
                serving_cost=format_nano(trade.serving_cost_nano),
                **_line(told, trade),
            )
            for trade in told.sold
        ],
        totals=StatementTotals(
            bought=format_nano(sum(trade.cost_nano for trade in told.bought)),
            sold=format_nano(sum(trade.cost_nano for trade in told.sold)),
            serving_cost=format_nano(sum(trade.serving_cost_nano for trade in told.sold)),
        ),
        is_final=told.is_final,
        digest=told.digest,
    )


def as_csv(told: Statement, names: dict[str, str]) -> str:
    """Return the statement's lines as comma-separated values under `COLUMNS`."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    sides = [("bought", trade) for trade in told.bought] + [("sold", trade) for trade in told.sold]
    for side, trade in sides:
        is_sold = side == "sold"
        other = trade.buyer_id if is_sold else trade.publisher_id
        line = _line(told, trade)
        counted = [line[name] for name in COLUMNS[6:10]]
        writer.writerow(
            (
                *(told.month, side, trade.publication_id, trade.name, trade.version),
                *(names.get(other, ""), *counted, format_nano(trade.cost_nano)),
                format_nano(trade.serving_cost_nano) if is_sold else "",
                *(told.currency, line["digest"]),
            )
        )
    return text.getvalue()


def _line(told: Statement, trade: Trade) -> dict[str, Any]:
    return {
        "publication": trade.publication_id,
        "name": trade.name,
        "version": trade.version,
        "requests": trade.requests,
        "prompt_tokens": trade.prompt_tokens,
        "completion_tokens": trade.completion_tokens,
        "cached_tokens": trade.cached_tokens,
        "digest": settlement.line_digest(told.month, told.currency, trade),
    }


def _only_project(caller: Caller) -> str:
    if len(caller.project_ids) == 1:
        return caller.project_ids[0]
    raise InvalidRequest(
        "The field 'project_id' is missing: say whose statement.",
        param="project_id",
        code="missing_field",
    )


def _prefers_csv(request: Request[Any, Any, Any]) -> bool:
    best = request.accept.best_match(["application/json", "text/csv"], default="application/json")
    return best == "text/csv"
