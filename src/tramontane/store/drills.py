"""Drills: a provider, host, owner, … is taken away for a time, to see what stands without it.

A drill ends at `ends_at_ms` by itself, whoever watches: `end_due` sees to it, and what starts a
platform calls it too. It does not know who is taken away by `without`, nor what a report holds.
"""

import msgspec
from sqlalchemy import Connection, insert, select, update

from tramontane.errors import Conflict, InvalidRequest
from tramontane.store import schema
from tramontane.store.database import bump_revision
from tramontane.store.names import new_id, unknown
from tramontane.store.records import Drill

LEAST_MS = 5_000
MOST_MS = 24 * 3_600_000


def start(
    c: Connection, *, without: str, for_ms: int, started_by: str = "operator", now_ms: int
) -> Drill:
    """Return a new drill, which runs from now on. Raises InvalidRequest, Conflict while one runs.

    `without` is a fact with its dimension, such as `provider:mistral`.
    """
    if not LEAST_MS <= for_ms <= MOST_MS:
        raise InvalidRequest("a drill takes from 5 seconds to 24 hours", param="for_s")
    end_due(c, now_ms)
    for other in running(c):
        raise Conflict(f"the drill without {other.without} is still running; end it first")
    drill = Drill(
        id=new_id("drl"),
        without=without,
        started_at_ms=now_ms,
        ends_at_ms=now_ms + for_ms,
        started_by=started_by,
    )
    c.execute(insert(schema.drills), msgspec.structs.asdict(drill))
    bump_revision(c)
    return drill


def running(c: Connection) -> list[Drill]:
    """Return the drills that have not ended."""
    t = schema.drills
    rows = c.execute(select(t).where(t.c.ended_at_ms.is_(None)).order_by(t.c.started_at_ms))
    return [Drill(**row) for row in rows.mappings()]


def end(c: Connection, drill_id: str, now_ms: int) -> Drill:
    """Return that drill, ended at `now_ms` unless it has ended before. Raises NotFound."""
    found = get(c, drill_id)
    if found.ended_at_ms is None:
        _end(c, found, now_ms)
        found = get(c, drill_id)
    return found


def due(c: Connection, now_ms: int) -> list[Drill]:
    """Return the running drills whose time has passed.

    One that began after `now_ms` was begun by a clock that has been set back since: it is due too.
    """
    return [d for d in running(c) if not d.started_at_ms <= now_ms < d.ends_at_ms]


def end_due(c: Connection, now_ms: int) -> None:
    """End the drills whose time has passed."""
    for drill in due(c, now_ms):
        _end(c, drill, now_ms)


def get(c: Connection, drill_id: str) -> Drill:
    """Return that drill. Raises NotFound."""
    t = schema.drills
    row = c.execute(select(t).where(t.c.id == drill_id)).mappings().one_or_none()
    if row is None:
        raise unknown("drill", drill_id[:80], c.scalars(select(t.c.id)), "drill_id")
    return Drill(**row)


def list_all(c: Connection) -> list[Drill]:
    """Return every drill, the latest first."""
    t = schema.drills
    rows = c.execute(select(t).order_by(t.c.started_at_ms.desc(), t.c.id))
    return [Drill(**row) for row in rows.mappings()]


def unreported(c: Connection, before_ms: int) -> list[Drill]:
    """Return the drills that ended before `before_ms` and have no report yet."""
    t = schema.drills
    due = (t.c.report.is_(None)) & (t.c.ended_at_ms < before_ms)
    rows = c.execute(select(t).where(due).order_by(t.c.started_at_ms))
    return [Drill(**row) for row in rows.mappings()]


def keep_report(c: Connection, drill_id: str, report: bytes) -> None:
    """Keep the report of a drill that has ended. It is no change of configuration."""
    t = schema.drills
    c.execute(update(t).where(t.c.id == drill_id).values(report=report))


def _end(c: Connection, drill: Drill, now_ms: int) -> None:
    t = schema.drills
    ended_at_ms = max(drill.started_at_ms, min(now_ms, drill.ends_at_ms))
    c.execute(update(t).where(t.c.id == drill.id).values(ended_at_ms=ended_at_ms))
    bump_revision(c)
