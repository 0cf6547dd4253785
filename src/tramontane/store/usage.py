"""What was used and what it cost, one row per settled attempt.

Rows come from the metering journal and never change. It does not know budgets. Every question of
time is asked of `started_at_ms`, the moment of the hold, which is what budgets count by.
"""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from sqlalchemy import ColumnElement, Connection, case, distinct, func, literal, nulls_first, select
from sqlalchemy.dialects import postgresql, sqlite

from tramontane.errors import InvalidRequest
from tramontane.store import schema
from tramontane.store.records import Owner, SpentWindows, UsageRecord
from tramontane.store.windows import DAY_MS, bounds, day_name

By = Literal["project", "key", "member", "model", "deployment", "provider", "region", "day"]
_HALF = 1 << 32
_SUMMED = (
    "prompt_tokens",
    "completion_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "cost_nano",
)
BY: tuple[By, ...] = (
    "project", "key", "member", "model", "deployment", "provider", "region", "day",
)  # fmt: skip
User = Literal["person", "program", "colleagues"]


class UsageRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a report; what it was not grouped by is None. By member, `user` says whether a
    person used it or a program, which has no member. `requests` counts each once,
    however many deployments were tried; of these, `estimated_requests` were not counted to the
    end, and what `unpriced_requests` cost nobody knows.
    """

    day: str | None = None
    project_id: str | None = None
    project: str | None = None
    key_id: str | None = None
    key: str | None = None
    member_id: str | None = None
    member: str | None = None
    user: User | None = None
    model: str | None = None
    deployment: str | None = None
    provider: str | None = None
    region: str | None = None
    requests: int
    estimated_requests: int
    unpriced_requests: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    cache_write_tokens: int
    cost_nano: int


def insert_many(c: Connection, records: Iterable[UsageRecord]) -> None:
    """Keep `records`, ignoring those whose (request_id, attempt) is here already.

    It is no change of configuration: the revision stays.
    """
    rows = [msgspec.structs.asdict(record) for record in records]
    if rows:
        dialect = sqlite if c.dialect.name == "sqlite" else postgresql
        c.execute(dialect.insert(schema.usage).on_conflict_do_nothing(), rows)


def attempts(c: Connection, request_id: str) -> list[UsageRecord]:
    """Return the settled attempts at that request in order; none where none is here yet."""
    t = schema.usage
    query = select(t).where(t.c.request_id == request_id).order_by(t.c.attempt)
    return [msgspec.convert(row, UsageRecord) for row in c.execute(query).mappings()]


def spend(c: Connection, now_ms: int) -> dict[tuple[Owner, str], SpentWindows]:
    """Return what each project and key spent in the UTC windows that `now_ms` falls in."""
    t = schema.usage.c

    def within(window: Literal["day", "month"]) -> ColumnElement[int]:
        start_ms, end_ms = bounds(window, now_ms)
        inside = (t.started_at_ms >= start_ms) & (t.started_at_ms < end_ms)
        return case((inside, t.cost_nano), else_=0)

    # In two halves: SQLite ends a sum beyond 64 bits with an error, and nothing could start then.
    halves = (
        func.sum(half)
        for nano in (within("day"), within("month"), t.cost_nano)
        for half in (nano // _HALF, nano % _HALF)
    )
    query = select(t.project_id, t.key_id, *halves).group_by(t.project_id, t.key_id)
    spent: dict[tuple[Owner, str], SpentWindows] = {}
    for project_id, key_id, *sums in c.execute(query):
        of_key = SpentWindows(
            *(int(sums[i]) * _HALF + int(sums[i + 1]) for i in range(0, len(sums), 2))
        )
        spent["key", key_id] = spent.get(("key", key_id), SpentWindows()).plus(of_key)
        of_project = spent.get(("project", project_id), SpentWindows())
        spent["project", project_id] = of_project.plus(of_key)
    return spent


class Pace(msgspec.Struct, frozen=True):
    """What was spent by so many requests in some time; `first_ms` is when the first ever began."""

    spent_nano: int
    requests: int
    first_ms: int

    def plus(self, other: "Pace") -> "Pace":
        """Return both together."""
        return Pace(
            self.spent_nano + other.spent_nano,
            self.requests + other.requests,
            min(self.first_ms, other.first_ms),
        )


def paces(c: Connection, since_ms: int) -> dict[tuple[Owner, str], Pace]:
    """Return what each project and key has spent in requests that began at `since_ms` or later,
    and when its first one ever began.
    """
    t = schema.usage.c
    is_late = t.started_at_ms >= since_ms
    query = select(
        t.project_id,
        t.key_id,
        func.sum(case((is_late, t.cost_nano), else_=0)),
        func.count(distinct(case((is_late, t.request_id)))),
        func.min(t.started_at_ms),
    ).group_by(t.project_id, t.key_id)
    found: dict[tuple[Owner, str], Pace] = {}
    for project_id, key_id, *sums in c.execute(query):
        pace = Pace(*(int(each) for each in sums))
        owners: tuple[tuple[Owner, str], ...] = (("key", key_id), ("project", project_id))
        for owner in owners:
            found[owner] = pace.plus(found[owner]) if owner in found else pace
    return found


def latest_start_ms(c: Connection) -> int | None:
    """Return when the latest settled attempt began; None where there is none."""
    found = c.execute(select(func.max(schema.usage.c.started_at_ms))).scalar_one()
    return None if found is None else int(found)


def report(
    c: Connection,
    *,
    by: tuple[By, ...],
    since_ms: int | None = None,
    until_ms: int | None = None,
    project_ids: tuple[str, ...] | None = None,
    hides_sellers: bool = False,
) -> list[UsageRow]:
    """Return sums from `since_ms` up to, not including, `until_ms`, one row per group, in order.

    With `project_ids`, of these projects only. One row of totals where `by` is empty. Where it
    `hides_sellers`, the deployment of what was bought is the publication. Raises InvalidRequest for
    an unknown group.
    """
    groups = _groups(by, hides_sellers=hides_sellers)
    t = schema.usage.c
    query = select(*(column.label(name) for name, column in groups.items()), *_sums())
    if "member" in by:
        t_keys = schema.keys
        query = query.join_from(schema.usage, t_keys, t_keys.c.id == t.key_id, isouter=True)
    if since_ms is not None:
        query = query.where(t.started_at_ms >= since_ms)
    if until_ms is not None:
        query = query.where(t.started_at_ms < until_ms)
    if project_ids is not None:
        query = query.where(t.project_id.in_(project_ids))
    in_order = (nulls_first(column) for column in groups.values())
    query = query.group_by(*groups.values()).order_by(*in_order)
    names = _names(c)
    return [_row(dict(row), names) for row in c.execute(query).mappings()]


def check_by(by: Iterable[str]) -> tuple[By, ...]:
    """Return the groups that `by` names, each once, in its order. Raises InvalidRequest."""
    asked = dict.fromkeys(by)
    if wrong := [name for name in asked if name not in BY]:
        raise InvalidRequest(
            f"usage cannot be grouped by {wrong[0]!r}, only by {', '.join(BY)}", param="by"
        )
    return tuple(BY[BY.index(name)] for name in asked)


def _groups(by: tuple[By, ...], *, hides_sellers: bool) -> dict[str, ColumnElement[Any]]:
    t = schema.usage.c
    deployment: ColumnElement[Any] = t.deployment
    if hides_sellers:
        deployment = case((t.publication_id != _inline(""), t.model), else_=t.deployment)
    columns: dict[By, tuple[str, ColumnElement[Any]]] = {
        "day": ("day", t.started_at_ms // _inline(DAY_MS)),
        "project": ("project_id", t.project_id),
        "key": ("key_id", t.key_id),
        "member": ("member_id", schema.keys.c.member_id),
        "model": ("model", t.model),
        "deployment": ("deployment", deployment),
        "provider": ("provider", t.provider),
        "region": ("region", t.region),
    }
    return dict(columns[name] for name in check_by(by))


def _inline(value: int | str) -> ColumnElement[Any]:
    # PostgreSQL takes an expression that is grouped by for the selected one only where both are
    # written alike: two parameters are not.
    return literal(value, literal_execute=True)


def _sums() -> list[ColumnElement[Any]]:
    t = schema.usage.c
    counted = (t.prompt_tokens, t.completion_tokens, t.cached_tokens, t.cache_write_tokens)
    unpriced = t.is_priced.is_(False) & (t.prompt_tokens > 0)
    return [
        func.count(distinct(t.request_id)).label("requests"),
        func.count(distinct(case((t.estimated, t.request_id)))).label("estimated_requests"),
        func.count(distinct(case((unpriced, t.request_id)))).label("unpriced_requests"),
        *(func.coalesce(func.sum(c), 0).label(c.name) for c in (*counted, t.cost_nano)),
    ]


def _names(c: Connection) -> dict[str, str]:
    found: dict[str, str] = {}
    for table in (schema.projects, schema.keys, schema.members):
        found.update((id_, name) for id_, name in c.execute(select(table.c.id, table.c.name)))
    return found


def _row(row: dict[str, Any], names: dict[str, str]) -> UsageRow:
    for counted in _SUMMED:
        row[counted] = int(row[counted])  # PostgreSQL sums whole numbers into decimals
    if "day" in row:
        row["day"] = day_name(row["day"] * DAY_MS)
    if "project_id" in row:
        row["project"] = names.get(row["project_id"])
    if "key_id" in row:
        row["key"] = names.get(row["key_id"])
    if "member_id" in row:
        row["member"] = names.get(row["member_id"])
        row["user"] = "program" if row["member_id"] is None else "person"
    return UsageRow(**row)
