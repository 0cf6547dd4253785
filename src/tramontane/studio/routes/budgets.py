"""`/api/v1/budgets`: hard limits per UTC window, with what is left of each."""

from collections.abc import Mapping

import msgspec
from litestar import delete, get, put
from litestar.params import FromPath, FromQuery, JSONBody
from sqlalchemy import Connection

from tramontane.errors import InvalidRequest, NotFound
from tramontane.money import format_nano, parse_nano
from tramontane.store import budgets, keys, projects
from tramontane.store.forecasting import Basis, Standing, standings
from tramontane.store.records import Budget, Window
from tramontane.store.windows import bounds
from tramontane.studio.auth import GivenCaller
from tramontane.studio.discretion import hidden_keys
from tramontane.studio.moments import optional_name
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform, Platform
from tramontane.studio.routes.projects import scope_of, seen_by


class BudgetView(msgspec.Struct, frozen=True, kw_only=True):
    """A budget of a project (`key_id` null) or of one key, in the platform's currency.

    `spent` counts what has been moved out of the metering journal, so it trails the gateway, which
    holds the line, by some seconds. `left` is never below zero. `forecast` is what will have been
    spent when it begins anew, and `exhausted_at` when it will be spent where that is before, both
    at the pace since `basis_since`; null where too little was used to say.
    """

    id: str
    project_id: str
    project: str
    key_id: str | None
    key: str | None
    window: Window
    limit: str
    spent: str
    left: str
    currency: str
    resets_at: str | None
    forecast: str | None
    exhausted_at: str | None
    basis: Basis | None
    basis_since: str | None


class BudgetList(msgspec.Struct, frozen=True):
    """Budgets, a project's own before its keys'."""

    data: list[BudgetView]


class BudgetSetting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A budget to be set. `limit` is a decimal such as "12.50"; `project_id` may be the name."""

    project_id: str
    key_id: str | None = None
    window: Window
    limit: str


@get("/budgets", **describe("listBudgets", "List budgets", "Budgets", right="read", errors=(404,)))
def list_budgets(
    platform: GivenPlatform, caller: GivenCaller, project_id: FromQuery[str | None] = None
) -> BudgetList:
    """An operator sees every budget, or one project's; others those of their own projects,
    but not those of colleagues.
    """
    now_ms = platform.clock_ms()
    with platform.store.read() as c:
        hidden = hidden_keys(c, caller)
        every = budgets.list_all(c, scope_of(c, caller, project_id))
        found = [budget for budget in every if budget.key_id not in hidden]
        sheet = _sheet(c, platform, found, now_ms)
    return BudgetList([_view(budget, sheet) for budget in found])


@put(
    "/budgets",
    **describe("setBudget", "Set a budget", "Budgets", right="operate", errors=(404, 413)),
)
def set_budget(
    platform: GivenPlatform, caller: GivenCaller, data: JSONBody[BudgetSetting]
) -> BudgetView:
    """Replace the budget of that project or key and window. Needs the right `operate`."""
    now_ms = platform.clock_ms()
    limit_nano = _limit_nano(data.limit)
    with platform.store.write() as c:
        budget = budgets.set(
            c,
            project_id=seen_by(c, caller, data.project_id).id,
            key_id=data.key_id,
            window=data.window,
            limit_nano=limit_nano,
        )
    assert budget is not None  # it is None only where the limit is
    with platform.store.read() as c:
        return _view(budget, _sheet(c, platform, [budget], now_ms))


@delete(
    "/budgets/{budget_id:str}",
    **describe("removeBudget", "Remove a budget", "Budgets", right="operate", errors=(404,)),
)
def remove_budget(platform: GivenPlatform, budget_id: FromPath[str]) -> None:
    """Spending is then no longer limited by it. Needs the right `operate`."""
    with platform.store.write() as c:
        found = next((b for b in budgets.list_all(c) if b.id == budget_id), None)
        if found is None:
            raise NotFound(f"there is no budget {budget_id[:80]!r}", param="budget_id")
        budgets.set(
            c,
            project_id=found.project_id,
            key_id=found.key_id,
            window=found.window,
            limit_nano=None,
        )


def _limit_nano(text: str) -> int:
    try:
        return parse_nano(text)
    except ValueError as error:
        raise InvalidRequest(f"limit: {error}", param="limit") from None


class _Sheet(msgspec.Struct, frozen=True):
    """What is needed to show budgets: how they stand, and what things are called."""

    standings: Mapping[str, Standing]
    names: Mapping[str, str]
    now_ms: int
    currency: str


def _sheet(c: Connection, platform: Platform, found: list[Budget], now_ms: int) -> _Sheet:
    names = {project.id: project.name for project in projects.list_all(c)}
    names |= {key.id: key.name for key in keys.list_all(c)}
    return _Sheet(standings(c, found, now_ms), names, now_ms, platform.settings.currency)


def _view(budget: Budget, sheet: _Sheet) -> BudgetView:
    standing = sheet.standings[budget.id]
    forecast_nano = standing.forecast_nano
    return BudgetView(
        id=budget.id,
        project_id=budget.project_id,
        project=sheet.names[budget.project_id],
        key_id=budget.key_id,
        key=None if budget.key_id is None else sheet.names[budget.key_id],
        window=budget.window,
        limit=format_nano(budget.limit_nano),
        spent=format_nano(standing.spent_nano),
        left=format_nano(max(0, budget.limit_nano - standing.spent_nano)),
        currency=sheet.currency,
        resets_at=optional_name(bounds(budget.window, sheet.now_ms).end_ms),
        forecast=None if forecast_nano is None else format_nano(forecast_nano),
        exhausted_at=optional_name(standing.exhausted_at_ms),
        basis=standing.basis,
        basis_since=optional_name(standing.basis_since_ms),
    )
