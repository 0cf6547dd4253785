"""`/api/v1/projects/{project_id}/prepaid`: money paid in before it is spent, and what is left."""

import msgspec
from litestar import get, post
from litestar.params import FromPath, JSONBody
from sqlalchemy import Connection

from tramontane.money import format_nano
from tramontane.store import members, prepayments, usage
from tramontane.store.records import Project, SpentWindows
from tramontane.store.windows import time_name
from tramontane.studio.auth import GivenCaller
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform, Platform
from tramontane.studio.publishing import author_of
from tramontane.studio.routes.projects import seen_by


class PrepaymentView(msgspec.Struct, frozen=True, kw_only=True):
    """An amount that was paid in. `recorded_by` is a person's name, null where a program or a
    command recorded it.
    """

    id: str
    amount: str
    reference: str | None
    recorded_by: str | None
    created_at: str


class PrepaidView(msgspec.Struct, frozen=True, kw_only=True):
    """What a project can spend in total (`limit`, null where that is not limited), has spent, and
    has left; and the payments that it came from.
    """

    project_id: str
    project: str
    currency: str
    limit: str | None
    spent: str
    left: str | None
    data: list[PrepaymentView]


class TopUp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A decimal such as "50.00". A `reference`, such as an invoice's number, counts once, so that
    asking again adds nothing.
    """

    amount: str
    reference: str | None = None


@get(
    "/projects/{project_id:str}/prepaid",
    **describe("getPrepaid", "Show what was paid in", "Budgets", right="read", errors=(404,)),
)
def get_prepaid(
    platform: GivenPlatform, caller: GivenCaller, project_id: FromPath[str]
) -> PrepaidView:
    """For the project's members and keys, and operators."""
    with platform.store.read() as c:
        return _view(c, platform, seen_by(c, caller, project_id))


@post(
    "/projects/{project_id:str}/prepaid",
    **describe("topUp", "Top a project up", "Budgets", right="operate", errors=(404, 409, 413)),
)
def top_up(
    platform: GivenPlatform,
    caller: GivenCaller,
    project_id: FromPath[str],
    data: JSONBody[TopUp],
) -> PrepaidView:
    """Add to the project's total budget. Needs the right `operate`. Served within two seconds."""
    amount_nano = prepayments.read_amount(data.amount)
    with platform.store.write() as c:
        project = seen_by(c, caller, project_id)
        prepayments.top_up(
            c,
            project.id,
            amount_nano,
            reference=data.reference,
            recorded_by=author_of(caller),
            now_ms=platform.clock_ms(),
        )
        return _view(c, platform, project)


def _view(c: Connection, platform: Platform, project: Project) -> PrepaidView:
    budget = prepayments.total_budget(c, project.id)
    spent = usage.spend(c, platform.clock_ms()).get(("project", project.id), SpentWindows())
    names = {member.id: member.name for member in members.list_all(c)}
    left = None if budget is None else max(0, budget.limit_nano - spent.total_nano)
    return PrepaidView(
        project_id=project.id,
        project=project.name,
        currency=platform.settings.currency,
        limit=None if budget is None else format_nano(budget.limit_nano),
        spent=format_nano(spent.total_nano),
        left=None if left is None else format_nano(left),
        data=[
            PrepaymentView(
                id=paid.id,
                amount=format_nano(paid.amount_nano),
                reference=paid.reference,
                recorded_by=names.get(paid.recorded_by),
                created_at=time_name(paid.created_at_ms),
            )
            for paid in prepayments.list_all(c, project.id)
        ],
    )
