"""Money paid in before it is spent: a project's total budget, and what it came from.

What is paid in is added to the limit of the project's total budget, which the gateway holds like
any other. It does not know payments themselves: who records one has seen it.
"""

from collections.abc import Iterable

import msgspec
from sqlalchemy import Connection, insert, select, update

from tramontane.config import LimitDefaults
from tramontane.errors import Conflict, InvalidRequest
from tramontane.money import NANO, parse_nano
from tramontane.store import budgets, projects, schema
from tramontane.store.database import bump_revision
from tramontane.store.names import new_id
from tramontane.store.records import Budget, Project

LARGEST_NANO = 1_000_000 * NANO
"""The most of one payment: beyond it, a zero too many is likelier."""
REFERENCE_MOST = 200
_LIMIT_MOST_NANO = 2**62


class Prepayment(msgspec.Struct, frozen=True, kw_only=True):
    """An amount that was paid in. `recorded_by` is a member's or a key's id, empty for a command;
    a `reference`, such as an invoice's number, counts once in a project.
    """

    id: str
    project_id: str
    amount_nano: int
    reference: str | None
    recorded_by: str
    created_at_ms: int


def read_amount(text: str, param: str = "amount") -> int:
    """Return nano-units for a decimal such as "50.00". Raises InvalidRequest."""
    try:
        nano = parse_nano(text)
    except ValueError as error:
        raise InvalidRequest(f"{param}: {error}", param=param) from None
    return check_amount(nano, param)


def check_amount(nano: int, param: str = "amount") -> int:
    """Return the amount; InvalidRequest unless it is above zero and not absurd."""
    if not 0 < nano <= LARGEST_NANO:
        raise InvalidRequest(
            f"{param}: must be above 0, at most {LARGEST_NANO // NANO} at once", param=param
        )
    return nano


def open_project(
    c: Connection,
    *,
    name: str,
    amount_nano: int,
    defaults: LimitDefaults,
    recorded_by: str,
    now_ms: int,
    allowed_models: Iterable[str] | None = None,
) -> Project:
    """Return a new project that can spend that amount in total, on these models (None: on every
    one). Raises InvalidRequest, Conflict.
    """
    amount_nano = check_amount(amount_nano, "prepaid")
    project = projects.create(
        c, name=name, defaults=defaults, allowed_models=allowed_models, now_ms=now_ms
    )
    budgets.set(c, project_id=project.id, window="total", limit_nano=amount_nano)
    _record(c, project.id, amount_nano, None, recorded_by, now_ms)
    return project


def top_up(
    c: Connection,
    project_id: str,
    amount_nano: int,
    *,
    reference: str | None = None,
    recorded_by: str,
    now_ms: int,
) -> Budget:
    """Return the project's total budget, larger by that amount.

    Raises NotFound, InvalidRequest, Conflict where there is no total budget (a first amount would
    take away what was unlimited), it would be too large, or the reference was recorded already.
    """
    project = projects.get(c, project_id)
    amount_nano = check_amount(amount_nano)
    reference = _check_reference(reference)
    before = total_budget(c, project.id)
    if before is None:
        raise Conflict(
            f"{project.name} has no total budget to add to; set one first",
            code="no_prepaid_budget",
            param="project_id",
        )
    if before.limit_nano + amount_nano > _LIMIT_MOST_NANO:
        raise Conflict(f"the total budget of {project.name} would be too large", param="amount")
    t = schema.prepayments.c
    if reference is not None:
        same = (t.project_id == project.id) & (t.reference == reference)
        if c.scalar(select(t.id).where(same)) is not None:
            raise Conflict(
                f"{reference!r} was recorded for {project.name} already; nothing was added",
                code="already_recorded",
                param="reference",
            )
    b = schema.budgets
    # Added in the store, so that two at once are both counted.
    c.execute(update(b).where(b.c.id == before.id).values(limit_nano=b.c.limit_nano + amount_nano))
    _record(c, project.id, amount_nano, reference, recorded_by, now_ms)
    bump_revision(c)
    after = total_budget(c, project.id)
    assert after is not None
    return after


def total_budget(c: Connection, project_id: str) -> Budget | None:
    """Return the project's own total budget, None where it has none."""
    for budget in budgets.list_all(c, (project_id,)):
        if budget.key_id is None and budget.window == "total":
            return budget
    return None


def list_all(c: Connection, project_id: str) -> list[Prepayment]:
    """Return what was paid into that project, oldest first."""
    t = schema.prepayments
    query = select(t).where(t.c.project_id == project_id)
    rows = c.execute(query.order_by(t.c.created_at_ms, t.c.id))
    return [Prepayment(**row) for row in rows.mappings()]


def _record(
    c: Connection,
    project_id: str,
    amount_nano: int,
    reference: str | None,
    recorded_by: str,
    now_ms: int,
) -> None:
    paid = Prepayment(
        id=new_id("pay"),
        project_id=project_id,
        amount_nano=amount_nano,
        reference=reference,
        recorded_by=recorded_by,
        created_at_ms=now_ms,
    )
    c.execute(insert(schema.prepayments), msgspec.structs.asdict(paid))


def _check_reference(reference: str | None) -> str | None:
    told = (reference or "").strip()
    if len(told) > REFERENCE_MOST or not told.isprintable():
        raise InvalidRequest(
            f"reference: at most {REFERENCE_MOST} printable characters", param="reference"
        )
    return told or None
