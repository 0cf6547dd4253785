"""How long budgets will last: what was spent of each, and where the pace so far leads.

A straight line, and no more: the pace is that of the last seven days, or of the window so far where
that is longer, or since the first request where there was none before. Below `REQUESTS_LEAST`
requests, or a day, nothing is said. Budgets are handed in; it does not know how they are shown.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec
from sqlalchemy import Connection

from tramontane.store import usage
from tramontane.store.records import Budget, Owner, SpentWindows, Window
from tramontane.store.usage import Pace
from tramontane.store.windows import DAY_MS, LAST_MS, bounds

REQUESTS_LEAST = 20
WEEK_MS = 7 * DAY_MS
Basis = Literal["last 7 days", "window so far", "since the first request"]


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a budget stands. `forecast_nano` is what will be spent at the window's end, None where
    nothing is said or it never ends; `exhausted_at_ms` when it will be spent, None unless that is
    before the window's end. `basis` says what the pace was taken from, from `basis_since_ms` on.
    """

    spent_nano: int
    forecast_nano: int | None = None
    exhausted_at_ms: int | None = None
    basis: Basis | None = None
    basis_since_ms: int | None = None


def standings(c: Connection, budgets: Iterable[Budget], now_ms: int) -> dict[str, Standing]:
    """Return how each budget stands, by its identifier."""
    found = list(budgets)
    spent = usage.spend(c, now_ms) if found else {}
    starts = {window: _basis_ms(window, now_ms) for window in {b.window for b in found}}
    paces = {start_ms: usage.paces(c, start_ms) for start_ms in {*starts.values()}}
    standing = {}
    for budget in found:
        owner = owner_of(budget)
        spent_nano = _of_window(spent.get(owner, SpentWindows()), budget.window)
        pace = paces[starts[budget.window]].get(owner)
        standing[budget.id] = standing_of(budget, spent_nano, pace, now_ms)
    return standing


def owner_of(budget: Budget) -> tuple[Owner, str]:
    """Return whose spending it limits."""
    if budget.key_id is not None:
        return ("key", budget.key_id)
    return ("project", budget.project_id)


def standing_of(budget: Budget, spent_nano: int, pace: Pace | None, now_ms: int) -> Standing:
    """Return how `budget` stands, of which `spent_nano` is spent, at that pace. Pure.

    `pace` is of the time that `standings` takes it from; None: nothing was spent in it.
    """
    start_ms = _basis_ms(budget.window, now_ms)
    since_ms = start_ms if pace is None else max(start_ms, pace.first_ms)
    span_ms = now_ms - since_ms
    if pace is None or pace.requests < REQUESTS_LEAST or span_ms < DAY_MS:
        return Standing(spent_nano=spent_nano)
    end_ms = bounds(budget.window, now_ms).end_ms
    left_nano = budget.limit_nano - spent_nano
    exhausted_at_ms = None
    if left_nano > 0 and pace.spent_nano > 0:
        # Rounded up: at that moment it is spent, not before.
        at_ms = now_ms - (-left_nano * span_ms // pace.spent_nano)
        if at_ms < (LAST_MS if end_ms is None else end_ms):
            exhausted_at_ms = at_ms
    forecast_nano = None
    if end_ms is not None:
        forecast_nano = spent_nano + pace.spent_nano * (end_ms - now_ms) // span_ms
    return Standing(
        spent_nano=spent_nano,
        forecast_nano=forecast_nano,
        exhausted_at_ms=exhausted_at_ms,
        basis=_basis(since_ms, start_ms, now_ms),
        basis_since_ms=since_ms,
    )


def _basis_ms(window: Window, now_ms: int) -> int:
    """Return from when on the pace is taken: a week ago, or the window's beginning before that."""
    return max(0, min(now_ms - WEEK_MS, bounds(window, now_ms).start_ms))


def _basis(since_ms: int, start_ms: int, now_ms: int) -> Basis:
    if since_ms > start_ms:
        return "since the first request"
    return "last 7 days" if start_ms == now_ms - WEEK_MS else "window so far"


def _of_window(spent: SpentWindows, window: Window) -> int:
    return {"day": spent.day_nano, "month": spent.month_nano, "total": spent.total_nano}[window]
