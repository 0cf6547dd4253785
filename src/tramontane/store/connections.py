"""Connections to databases elsewhere, entered by an administrator and only ever read.

The address, with its password, is kept sealed. It does not know how a database is asked.
"""

from collections.abc import Collection

import msgspec
from sqlalchemy import Connection as StoreConnection
from sqlalchemy import delete, func, insert, select

from tramontane.errors import Conflict, InvalidRequest, NotFound
from tramontane.store import schema, sealing
from tramontane.store.names import new_id

NAME_CHARACTERS_MAX = 100


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """A database that a project may ask. `place` is where it is, without user and password."""

    id: str
    project_id: str
    name: str
    kind: str
    place: str
    sealed_url: bytes
    created_at_ms: int


def create(
    c: StoreConnection,
    pepper: bytes,
    *,
    project_id: str,
    name: str,
    kind: str,
    place: str,
    url: str,
    now_ms: int,
) -> Connection:
    """Return a new connection. Raises InvalidRequest, Conflict where the name is taken."""
    name = " ".join(name.replace("\0", "").split())
    if not 1 <= len(name) <= NAME_CHARACTERS_MAX:
        raise InvalidRequest(f"name: write 1 to {NAME_CHARACTERS_MAX} characters.", param="name")
    t = schema.connections.c
    query = select(t.id).where(t.project_id == project_id, func.lower(t.name) == name.lower())
    if c.execute(query).first() is not None:
        raise Conflict(f"{name!r} is taken; choose another name.", param="name")
    made = Connection(
        id=(id_ := new_id("con")),
        project_id=project_id,
        name=name,
        kind=kind,
        place=place,
        sealed_url=sealing.seal(pepper, url, _use(id_, place)),
        created_at_ms=now_ms,
    )
    c.execute(insert(schema.connections), msgspec.structs.asdict(made))
    return made


def url_of(connection: Connection, pepper: bytes) -> str:
    """Return the whole address. Raises ConfigError where it cannot be unsealed."""
    return sealing.unseal(pepper, connection.sealed_url, _use(connection.id, connection.place))


def _use(connection_id: str, place: str) -> str:
    return f"connection\n{connection_id}\n{place}"


def get(c: StoreConnection, connection_id: str) -> Connection:
    """Return that connection. Raises NotFound."""
    query = select(schema.connections).where(schema.connections.c.id == connection_id)
    row = c.execute(query).mappings().one_or_none()
    if row is None:
        raise missing()
    return Connection(**row)


def missing() -> NotFound:
    """Return the error for a connection that is not there, or not for who asks."""
    return NotFound("there is no such connection", param="connection_id")


def list_of_projects(c: StoreConnection, project_ids: Collection[str]) -> list[Connection]:
    """Return the connections of those projects by name."""
    t = schema.connections.c
    query = select(schema.connections).where(t.project_id.in_(list(project_ids)))
    rows = c.execute(query.order_by(func.lower(t.name), t.id)).mappings()
    return [Connection(**row) for row in rows]


def remove(c: StoreConnection, connection_id: str) -> None:
    """Forget the connection and its tables; the database is left alone."""
    c.execute(delete(schema.tables).where(schema.tables.c.connection_id == connection_id))
    c.execute(delete(schema.connections).where(schema.connections.c.id == connection_id))
