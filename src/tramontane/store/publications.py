"""Publications: models that a project offers to others, in versions that never change.

A name is given once and for ever: bills and statements name it. It does not know whether the
deployment behind one is there, what that costs, nor who may publish it: the studio does.
"""

from collections.abc import Collection, Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, ScalarSelect, Select, and_, func, insert, or_, select, update

from tramontane.errors import Conflict, InvalidRequest, NotFound
from tramontane.store import projects, schema
from tramontane.store.database import bump_revision
from tramontane.store.names import check_name, new_id
from tramontane.store.records import Offered, Project, PublishedName, PublishedPrice

TERMS_MOST = 100_000
CARD_BYTES_MOST = 65_536
AUDIENCE_MOST = 1_000
OF_PROJECT_MOST = 500
VERSIONS_MOST = 10_000


class Brief(msgspec.Struct, frozen=True, kw_only=True):
    """A publication without what it says: as much of its newest version as it takes to serve it."""

    id: str
    name: str
    project_id: str
    deployment: str
    is_shared: bool
    is_withdrawn: bool
    audience: tuple[str, ...] | None
    price: PublishedPrice

    @property
    def owner_id(self) -> str | None:
        """Whose own the deployment is that serves it, None for everybody's."""
        return None if self.is_shared else self.project_id


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What a version says. `card` is JSON, `audience` ids of projects, None for everybody."""

    card: bytes
    terms: str
    price: PublishedPrice
    audience: tuple[str, ...] | None = None


def name_for(project: Project, name: str) -> str:
    """Return `PROJECT/slug` for a slug or a whole name. Raises InvalidRequest."""
    publisher, slash, slug = name.rpartition("/")
    if slash and publisher != project.name:
        raise InvalidRequest(
            f"a publication of {project.name} is named {project.name}/…", param="name"
        )
    return f"{project.name}/{check_name('publication', slug)}"


def publish(
    c: Connection,
    *,
    project: Project,
    name: str,
    deployment: str,
    offer: Offer,
    taken: Collection[str],
    created_by: str,
    now_ms: int,
    is_shared: bool = False,
) -> Offered:
    """Return a new publication in its version 1. `taken` are the names of deployments and routes;
    `is_shared`: the deployment is everybody's, not the project's own.

    Raises InvalidRequest, NotFound for the audience, Conflict where the name is taken.
    """
    whole = name_for(project, name)
    t = schema.publications
    known = c.scalar(select(t.c.id).where(t.c.name == whole))
    if known is not None or whole in taken:
        raise Conflict(
            f"{whole!r} is taken, or was once; choose another name: one is never given twice",
            param="name",
        )
    count = c.scalar(select(func.count()).where(t.c.project_id == project.id)) or 0
    if count >= OF_PROJECT_MOST:
        raise Conflict(f"a project can publish {OF_PROJECT_MOST} models at most", param="name")
    publication_id = new_id("pub")
    row = {
        "id": publication_id,
        "name": whole,
        "project_id": project.id,
        "deployment": deployment,
        "is_shared": is_shared,
        "created_at_ms": now_ms,
    }
    c.execute(insert(t), row)
    _add_version(c, publication_id, project.id, 1, offer, created_by, now_ms)
    return get(c, publication_id)


def change(
    c: Connection, publication_id: str, offer: Offer, *, created_by: str, now_ms: int
) -> Offered:
    """Return the publication in a new version, or as it is where nothing changes.

    Who has accepted an earlier version keeps that. Raises NotFound, InvalidRequest, Conflict where
    it is withdrawn.
    """
    before = get(c, publication_id)
    require_offered(before)
    if before.version >= VERSIONS_MOST:
        raise Conflict("it has been changed too often; publish it under another name")
    told = (before.card, before.terms, before.price, before.audience)
    wanted = (offer.card, offer.terms.strip(), offer.price, _audience(c, offer, before.project_id))
    if told == wanted:
        return before
    _add_version(c, before.id, before.project_id, before.version + 1, offer, created_by, now_ms)
    return get(c, before.id)


def withdraw(c: Connection, publication_id: str, now_ms: int) -> Offered:
    """Return the publication, offered no more: nobody's new requests are served. Once is enough.

    Raises NotFound.
    """
    found = get(c, publication_id)
    t = schema.publications
    mine = (t.c.id == found.id) & t.c.withdrawn_at_ms.is_(None)
    if c.execute(update(t).where(mine).values(withdrawn_at_ms=now_ms)).rowcount:
        bump_revision(c)
    return get(c, found.id)


def get(c: Connection, id_or_name: str, version: int | None = None) -> Offered:
    """Return the publication in that version, None for its newest. Raises NotFound."""
    t = schema.publications.c
    query = _select(version).where(or_(t.id == id_or_name, t.name == id_or_name))
    row = c.execute(query).mappings().one_or_none()
    if row is None:
        raise unknown(id_or_name)
    return _offered(row)


def list_all(c: Connection) -> list[Offered]:
    """Return every publication in its newest version by name, withdrawn ones too."""
    rows = c.execute(_select(None).order_by(schema.publications.c.name)).mappings()
    return [_offered(row) for row in rows]


def visible(c: Connection, project_ids: Iterable[str], is_operator: bool) -> list[Offered]:
    """Return what members of these projects may know of, by name: their own, what is offered to
    them, and what they have accepted, in the version they accepted where the newest is not for
    them. Operators see every one. Withdrawn ones are left to who publishes or has accepted them.
    """
    found = list_all(c)
    if is_operator:
        return found
    ours = frozenset(project_ids)
    accepted = accepted_versions(c, ours)
    return [
        seen for each in found if (seen := _seen(c, each, ours, accepted.get(each.id))) is not None
    ]


def seen(c: Connection, id_or_name: str, project_ids: Iterable[str], is_operator: bool) -> Offered:
    """Return that publication as `visible` has it. Raises NotFound where it is not for them."""
    try:
        found = get(c, id_or_name)
    except NotFound:
        raise unknown(id_or_name) from None
    if is_operator:
        return found
    ours = frozenset(project_ids)
    shown = _seen(c, found, ours, accepted_versions(c, ours).get(found.id))
    if shown is None:
        raise unknown(id_or_name)
    return shown


def accepted_versions(c: Connection, project_ids: Collection[str]) -> dict[str, int]:
    """Return the newest version of each publication that one of these projects has accepted and
    not ended.
    """
    t = schema.subscriptions.c
    query = (
        select(t.publication_id, func.max(t.version))
        .where(t.project_id.in_(tuple(project_ids)), t.ended_at_ms.is_(None))
        .group_by(t.publication_id)
    )
    return {publication_id: int(version) for publication_id, version in c.execute(query)}


def accepted_ever(
    c: Connection, publication_id: str, project_ids: Collection[str]
) -> frozenset[int]:
    """Return the versions that one of these projects has accepted, ended or not."""
    t = schema.subscriptions.c
    return frozenset(
        c.scalars(
            select(t.version).where(
                t.publication_id == publication_id, t.project_id.in_(tuple(project_ids))
            )
        )
    )


def named(c: Connection) -> frozenset[str]:
    """Return the name of every publication that ever was: nothing else may have them."""
    return frozenset(c.scalars(select(schema.publications.c.name)))


def briefs(c: Connection) -> list[Brief]:
    """Return every publication by name, without cards and terms."""
    p, newest = schema.publications.c, schema.publication_versions.alias("newest")
    query = (
        select(
            p.id, p.name, p.project_id, p.deployment, p.is_shared, p.withdrawn_at_ms,
            newest.c.audience, newest.c.price,
        )
        .join_from(schema.publications, newest, newest.c.publication_id == p.id)
        .where(newest.c.version == _newest())
        .order_by(p.name)
    )  # fmt: skip
    return [
        Brief(
            id=row.id,
            name=row.name,
            project_id=row.project_id,
            deployment=row.deployment,
            is_shared=row.is_shared,
            is_withdrawn=row.withdrawn_at_ms is not None,
            audience=row.audience,
            price=_price(row.price),
        )
        for row in c.execute(query)
    ]


def for_gateways(c: Connection) -> tuple[PublishedName, ...]:
    """Return what gateways need of every publication, by name."""
    t = schema.subscriptions.c
    live = select(t.publication_id, t.project_id, t.version).where(t.ended_at_ms.is_(None))
    subscribers: dict[str, list[tuple[str, int]]] = {}
    for publication_id, project_id, version in c.execute(live):
        subscribers.setdefault(publication_id, []).append((project_id, version))
    prices = _prices(c)
    return tuple(
        PublishedName(
            id=each.id,
            name=each.name,
            project_id=each.project_id,
            deployment=each.deployment,
            is_shared=each.is_shared,
            is_withdrawn=each.is_withdrawn,
            audience=each.audience,
            prices={}
            if each.is_withdrawn
            else {v: prices[each.id, v] for _, v in subscribers.get(each.id, ())},
            subscribers=tuple(sorted(subscribers.get(each.id, ()))),
        )
        for each in briefs(c)
    )


def require_offered(publication: Offered) -> None:
    """Raise Conflict where it is withdrawn."""
    if publication.withdrawn_at_ms is not None:
        raise Conflict(
            f"{publication.name} has been withdrawn; it can be neither changed nor accepted",
            code="publication_withdrawn",
        )


def unknown(id_or_name: str) -> NotFound:
    """Return the one answer for what is not there and for what may not be known of."""
    return NotFound(f"there is no publication {id_or_name[:100]!r}", param="publication_id")


def _prices(c: Connection) -> dict[tuple[str, int], PublishedPrice]:
    """Return the price of every version that somebody has accepted."""
    v, s = schema.publication_versions.c, schema.subscriptions.c
    same = and_(s.publication_id == v.publication_id, s.version == v.version)
    query = (
        select(v.publication_id, v.version, v.price)
        .join_from(schema.publication_versions, schema.subscriptions, same)
        .where(s.ended_at_ms.is_(None))
        .distinct()
    )
    return {(id_, number): _price(price) for id_, number, price in c.execute(query)}


def _seen(
    c: Connection, newest: Offered, ours: frozenset[str], accepted: int | None
) -> Offered | None:
    if newest.project_id in ours:
        return newest
    if newest.withdrawn_at_ms is None and any(newest.is_for(project) for project in ours):
        return newest
    return None if accepted is None else get(c, newest.id, accepted)


def _add_version(
    c: Connection,
    publication_id: str,
    project_id: str,
    version: int,
    offer: Offer,
    created_by: str,
    now_ms: int,
) -> None:
    terms = offer.terms.strip()
    if not terms:
        raise InvalidRequest(
            "say on which terms it may be used", param="terms", code="missing_field"
        )
    if len(terms) > TERMS_MOST:
        raise InvalidRequest(f"terms have at most {TERMS_MOST} characters", param="terms")
    if len(offer.card) > CARD_BYTES_MOST:
        raise InvalidRequest(f"a card has at most {CARD_BYTES_MOST} bytes of JSON", param="card")
    row = {
        "publication_id": publication_id,
        "version": version,
        "card": offer.card,
        "terms": terms,
        "price": msgspec.json.encode(offer.price),
        "audience": _audience(c, offer, project_id),
        "created_by": created_by,
        "created_at_ms": now_ms,
    }
    c.execute(insert(schema.publication_versions), row)
    bump_revision(c)


def _audience(c: Connection, offer: Offer, project_id: str) -> tuple[str, ...] | None:
    """Return the ids of the projects, each once and sorted. Raises NotFound, InvalidRequest."""
    if offer.audience is None:
        return None
    if len(offer.audience) > AUDIENCE_MOST:
        raise InvalidRequest(f"name at most {AUDIENCE_MOST} projects", param="audience")
    ids = set()
    for named_ in offer.audience:
        try:
            ids.add(projects.get(c, named_).id)
        except NotFound:
            raise NotFound(f"there is no project {named_[:80]!r}", param="audience") from None
    return tuple(sorted(ids - {project_id}))


def _select(version: int | None) -> Select[Any]:
    p, project = schema.publications.c, schema.projects.c
    numbers = schema.publication_versions.alias("chosen")
    chosen = numbers.c.version == (_newest() if version is None else version)
    return (
        select(
            p.id,
            p.name,
            p.project_id,
            project.name.label("publisher"),
            p.deployment,
            p.is_shared,
            numbers.c.version,
            numbers.c.card,
            numbers.c.terms,
            numbers.c.price,
            numbers.c.audience,
            p.withdrawn_at_ms,
            p.created_at_ms,
            numbers.c.created_by,
            numbers.c.created_at_ms.label("changed_at_ms"),
        )
        .join_from(schema.publications, schema.projects, project.id == p.project_id)
        .join(numbers, (numbers.c.publication_id == p.id) & chosen)
    )


def _newest() -> ScalarSelect[Any]:
    """Return the number of a publication's newest version, for a query of publications."""
    v = schema.publication_versions.c
    return (
        select(func.max(v.version))
        .where(v.publication_id == schema.publications.c.id)
        .correlate(schema.publications)
        .scalar_subquery()
    )


def _offered(row: Any) -> Offered:
    fields = dict(row)
    return Offered(**{**fields, "price": _price(fields["price"])})


def _price(data: bytes) -> PublishedPrice:
    return msgspec.json.decode(data, type=PublishedPrice)
