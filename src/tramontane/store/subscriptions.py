"""Which project has accepted which version of whose publication, from when until when.

Rows are never deleted: they say whose price and terms counted at any time. It does not know who
may accept for a project: the studio does.
"""

from collections.abc import Collection

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from tramontane.errors import Conflict, NotFound
from tramontane.store import projects, publications, schema
from tramontane.store.database import bump_revision
from tramontane.store.records import Offered, Subscription


def accept(
    c: Connection,
    publication: Offered,
    *,
    project_id: str,
    version: int,
    accepted_by: str,
    now_ms: int,
) -> Subscription:
    """Return the project's acceptance of the newest version, which takes an earlier one's place.

    Accepting what is accepted changes nothing. Raises NotFound where it is not offered to that
    project; Conflict where it is that project's own, is withdrawn, or `version` is not the newest.
    """
    project = projects.get(c, project_id)
    newest = publications.get(c, publication.id)
    if newest.project_id == project.id:
        raise Conflict(
            f"{newest.name} is this project's own: use it as it is", code="own_publication"
        )
    live = current(c, newest.id, project.id)
    if not newest.is_for(project.id):
        raise publications.unknown(publication.id)
    publications.require_offered(newest)
    if version != newest.version:
        raise Conflict(
            f"version {newest.version} of {newest.name} is offered, not {version}: read its terms"
            " and price, then accept that",
            code="version_outdated",
            param="version",
        )
    if live is not None and live.version == version:
        return live
    accepted = Subscription(
        publication_id=newest.id,
        project_id=project.id,
        version=version,
        accepted_at_ms=max(now_ms, _last_ms(c, newest.id, project.id) + 1),
        accepted_by=accepted_by,
    )
    if live is not None:
        _end(c, live, accepted.accepted_at_ms)
    c.execute(insert(schema.subscriptions), msgspec.structs.asdict(accepted))
    bump_revision(c)
    return accepted


def end(c: Connection, publication_id: str, project_id: str, now_ms: int) -> None:
    """End that project's use of the publication. Raises NotFound where it has not accepted it."""
    live = current(c, publication_id, project_id)
    if live is None:
        raise NotFound("this project has not accepted that publication", param="project_id")
    _end(c, live, max(now_ms, live.accepted_at_ms))
    bump_revision(c)


def current(c: Connection, publication_id: str, project_id: str) -> Subscription | None:
    """Return what that project has accepted and not ended; None where there is nothing."""
    for found in live(c, (project_id,), publication_id):
        return found
    return None


def live(
    c: Connection, project_ids: Collection[str] | None = None, publication_id: str | None = None
) -> list[Subscription]:
    """Return what is accepted and not ended: by these projects, of that publication, or all."""
    t = schema.subscriptions
    query = select(t).where(t.c.ended_at_ms.is_(None))
    if project_ids is not None:
        query = query.where(t.c.project_id.in_(tuple(project_ids)))
    if publication_id is not None:
        query = query.where(t.c.publication_id == publication_id)
    rows = c.execute(query.order_by(t.c.publication_id, t.c.accepted_at_ms, t.c.project_id))
    return [Subscription(**row) for row in rows.mappings()]


def history(c: Connection, publication_id: str) -> list[Subscription]:
    """Return every acceptance of that publication, ended ones too, oldest first."""
    t = schema.subscriptions
    query = select(t).where(t.c.publication_id == publication_id)
    rows = c.execute(query.order_by(t.c.accepted_at_ms, t.c.project_id))
    return [Subscription(**row) for row in rows.mappings()]


def _last_ms(c: Connection, publication_id: str, project_id: str) -> int:
    t = schema.subscriptions.c
    query = select(func.max(t.accepted_at_ms)).where(
        t.publication_id == publication_id, t.project_id == project_id
    )
    return int(c.scalar(query) or 0)


def _end(c: Connection, subscription: Subscription, ended_at_ms: int) -> None:
    t = schema.subscriptions
    mine = (
        (t.c.publication_id == subscription.publication_id)
        & (t.c.project_id == subscription.project_id)
        & t.c.ended_at_ms.is_(None)
    )
    c.execute(update(t).where(mine).values(ended_at_ms=ended_at_ms))
