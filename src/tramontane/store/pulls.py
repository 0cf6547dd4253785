"""Pulls: model files asked for from a hub, how far each has come, and what became of it.

One is fetched at a time, by whoever holds its lease. It does not know hubs nor files.
"""

from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from tramontane.errors import Conflict, NotFound
from tramontane.store import schema
from tramontane.store.names import check_name, new_id
from tramontane.store.records import PullStatus

UNFINISHED: tuple[PullStatus, ...] = ("queued", "fetching", "verifying")
_RUNNING: tuple[PullStatus, ...] = ("fetching", "verifying")
KEPT = 200
"""Finished ones that are remembered."""


class PullProblem(msgspec.Struct, frozen=True):
    """Why it stopped, or waits: `code` is one of docs/errors.md."""

    code: str
    message: str


class Pull(msgspec.Struct, frozen=True, kw_only=True):
    """A model file that was asked for. `source` is as it was asked for, `resolved` the repository
    and file that it turned out to be; `name` is the file's in the library.

    `wanted` is the JSON of an `engines.deploying.Wanted`: as what it is then deployed. A `problem`
    of one that is queued says why it waits.
    """

    id: str
    source: str
    resolved: str | None = None
    name: str
    wanted: bytes | None = None
    deployment: str | None = None
    status: PullStatus = "queued"
    bytes_done: int = 0
    bytes_total: int | None = None
    bytes_per_s: int | None = None
    attempts: int = 0
    revision: str | None = None
    sha256: str | None = None
    problem: PullProblem | None = None
    started_by: str
    lease_until_ms: int | None = None
    created_at_ms: int
    updated_at_ms: int

    @property
    def is_unfinished(self) -> bool:
        """Whether it goes on by itself."""
        return self.status in UNFINISHED


def add(
    c: Connection,
    *,
    source: str,
    name: str,
    wanted: bytes | None,
    started_by: str,
    now_ms: int,
) -> Pull:
    """Ask for a file and return its pull: that of the same source, where one is on its way already
    or had failed, which goes on where it was.

    Raises InvalidRequest for the name, Conflict where it is on its way for another deployment.
    """
    check_name("model", name)
    t = schema.pulls.c
    for pull in _list(c, and_(t.source == source, t.status.in_((*UNFINISHED, "failed")))):
        if pull.is_unfinished:
            if wanted is not None and wanted != pull.wanted:
                raise Conflict(
                    f"{source} is being fetched already ({pull.id}); deploy it when it is there",
                    param="source",
                )
            return pull
        _put(c, pull.id, wanted=wanted, name=name)
        return resume(c, pull.id, now_ms)
    row: dict[str, Any] = {
        "id": new_id("pul"),
        "source": source,
        "name": name,
        "wanted": wanted,
        "status": "queued",
        "bytes_done": 0,
        "attempts": 0,
        "started_by": started_by,
        "created_at_ms": now_ms,
        "updated_at_ms": now_ms,
    }
    c.execute(insert(schema.pulls), row)
    _forget_old(c)
    return get(c, row["id"])


def get(c: Connection, pull_id: str) -> Pull:
    """Return that pull. Raises NotFound."""
    found = _list(c, schema.pulls.c.id == pull_id)
    if not found:
        raise NotFound("there is no such pull", param="pull_id")
    return found[0]


def list_all(c: Connection) -> list[Pull]:
    """Return every pull that is remembered, the newest first."""
    return _list(c)


def sources_of(c: Connection, sha256: str) -> list[str]:
    """Return where a file of the library was fetched from, as far as that is remembered: as it was
    asked for, and as the hub calls it now.
    """
    found = _list(c, schema.pulls.c.sha256 == sha256)
    named = (name for pull in found for name in (pull.resolved, pull.source) if name)
    return list(dict.fromkeys(named))


def resume(c: Connection, pull_id: str, now_ms: int) -> Pull:
    """Have one that failed or was cancelled go on, and one that waits go on at once.

    Raises NotFound, Conflict for one that is there.
    """
    pull = get(c, pull_id)
    if pull.status == "done":
        raise Conflict("this model is in the library already")
    if pull.status not in _RUNNING:
        _put(
            c, pull_id, status="queued", problem=None, lease_until_ms=None, bytes_per_s=None,
            updated_at_ms=now_ms,
        )  # fmt: skip
    return get(c, pull_id)


def cancel(c: Connection, pull_id: str, now_ms: int) -> Pull:
    """Give one up; who fetches it hears of that and stops. Raises NotFound, Conflict if it is
    there.
    """
    pull = get(c, pull_id)
    if pull.status == "done":
        raise Conflict("this model is in the library already; remove it there: tramontane model rm")
    _put(
        c, pull_id, status="cancelled", lease_until_ms=None, problem=None, bytes_done=0,
        bytes_per_s=None, updated_at_ms=now_ms,
    )  # fmt: skip
    return get(c, pull_id)


def kept_ids(c: Connection) -> set[str]:
    """Return the pulls whose half-fetched files are of use still."""
    t = schema.pulls.c
    return set(c.scalars(select(t.id).where(t.status.in_((*UNFINISHED, "failed")))))


# --- what a worker does ---------------------------------------------------------------------------


def is_waiting(c: Connection, now_ms: int, only: Collection[str] | None = None) -> bool:
    """Return whether `claim` would find one; it takes no lock."""
    return not _is_busy(c, now_ms) and c.execute(_free(now_ms, only)).first() is not None


def claim(
    c: Connection, now_ms: int, lease_ms: int, only: Collection[str] | None = None
) -> Pull | None:
    """Return a pull to be fetched, held for `lease_ms`; None where none waits, or one is under way.

    The oldest of those that wait, or whose worker was not heard of in time. `only` narrows it.
    """
    if _is_busy(c, now_ms):
        return None
    found = c.scalars(_free(now_ms, only).with_for_update(skip_locked=True)).one_or_none()
    if found is None:
        return None
    t = schema.pulls.c
    _put(
        c, found, status="fetching", lease_until_ms=now_ms + lease_ms, attempts=t.attempts + 1,
        updated_at_ms=now_ms,
    )  # fmt: skip
    return get(c, found)


def renew(c: Connection, pull: Pull, until_ms: int, now_ms: int, **changes: Any) -> bool:
    """Hold it longer, with how far it has come; False where it is no longer the worker's."""
    return _put(
        c, pull.id, held=pull.attempts, lease_until_ms=until_ms, updated_at_ms=now_ms, **changes
    )


def give_back(
    c: Connection, pull: Pull, now_ms: int, not_before_ms: int, problem: PullProblem | None
) -> bool:
    """Let it wait until `not_before_ms`, for no fault of its own; `problem` says why."""
    return _put(
        c, pull.id, held=pull.attempts, status="queued", lease_until_ms=not_before_ms,
        problem=_encoded(problem), bytes_per_s=None, updated_at_ms=now_ms,
    )  # fmt: skip


def finish(
    c: Connection, pull: Pull, now_ms: int, *, name: str, sha256: str, deployment: str | None,
    problem: PullProblem | None,
) -> bool:  # fmt: skip
    """Note that the file is in the library. A `problem` says why it was not deployed."""
    t = schema.pulls.c
    return _put(
        c, pull.id, held=pull.attempts, status="done", lease_until_ms=None, name=name,
        sha256=sha256, deployment=deployment, problem=_encoded(problem), bytes_per_s=None,
        bytes_done=func.coalesce(t.bytes_total, t.bytes_done),
        updated_at_ms=now_ms,
    )  # fmt: skip


def fail(
    c: Connection, pull: Pull, problem: PullProblem, now_ms: int, *, bytes_done: int | None = None
) -> bool:
    """Note why it cannot be had. `bytes_done` 0: nothing of it was kept."""
    changes = {} if bytes_done is None else {"bytes_done": bytes_done}
    return _put(
        c, pull.id, held=pull.attempts, status="failed", lease_until_ms=None,
        problem=_encoded(problem), bytes_per_s=None, updated_at_ms=now_ms, **changes,
    )  # fmt: skip


def _is_busy(c: Connection, now_ms: int) -> bool:
    t = schema.pulls.c
    query = select(t.id).where(t.status.in_(_RUNNING), t.lease_until_ms >= now_ms).limit(1)
    return c.execute(query).first() is not None


def _free(now_ms: int, only: Collection[str] | None) -> Any:
    t = schema.pulls.c
    is_due = or_(t.lease_until_ms.is_(None), t.lease_until_ms < now_ms)
    query = select(t.id).where(t.status.in_(UNFINISHED), is_due)
    if only is not None:
        query = query.where(t.id.in_(list(only)))
    return query.order_by(t.created_at_ms, t.id).limit(1)


def _put(c: Connection, pull_id: str, *, held: int | None = None, **changes: Any) -> bool:
    """Change a row; with `held`, only while the worker of that attempt holds it."""
    t = schema.pulls.c
    wanted: ColumnElement[bool] = t.id == pull_id
    if held is not None:
        wanted = and_(wanted, t.status.in_(_RUNNING), t.attempts == held)
    return bool(c.execute(update(schema.pulls).where(wanted).values(**changes)).rowcount)


def _list(c: Connection, *wanted: ColumnElement[bool]) -> list[Pull]:
    t = schema.pulls.c
    rows = c.execute(
        select(schema.pulls).where(*wanted).order_by(t.created_at_ms.desc(), t.id)
    ).mappings()
    return [_pull(dict(row)) for row in rows]


def _pull(fields: dict[str, Any]) -> Pull:
    problem = fields.pop("problem")
    return Pull(
        **fields,
        problem=None if problem is None else msgspec.json.decode(problem, type=PullProblem),
    )


def _encoded(problem: PullProblem | None) -> bytes | None:
    return None if problem is None else msgspec.json.encode(problem)


def _forget_old(c: Connection) -> None:
    t = schema.pulls.c
    over = select(t.id).where(t.status.in_(("done", "cancelled")))
    ids = c.scalars(over.order_by(t.updated_at_ms.desc()).offset(KEPT)).all()
    if ids:
        c.execute(delete(schema.pulls).where(t.id.in_(ids)))
