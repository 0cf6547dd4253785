"""`/api/v1/connections`: databases elsewhere whose tables a project may ask, read-only.

An administrator enters them. An address is tried before it is kept, stored sealed and never shown
again; which may be entered says the configuration file.
"""

import msgspec
from litestar import delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody

from tramontane.errors import NotFound, TramontaneError
from tramontane.store import connections, projects, tables
from tramontane.store.connections import Connection
from tramontane.store.tables import Table
from tramontane.store.windows import time_name
from tramontane.studio import library_access
from tramontane.studio.auth import Caller, GivenCaller
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform, Platform
from tramontane.studio.routes.tables import TableList, table_view
from tramontane.tables import connecting
from tramontane.tables.address import Address, Kind, check_allowed, parse
from tramontane.tables.catalogue import kept

TAG = "Connections"


class ConnectionView(msgspec.Struct, frozen=True, kw_only=True):
    """A database. To administrators only: `url`, where it is, without user and password.

    `tables` is how many are known of it.
    """

    id: str
    project_id: str
    name: str
    kind: str
    url: str | None
    tables: int
    created_at: str


class ConnectionList(msgspec.Struct, frozen=True):
    """Connections by name."""

    data: list[ConnectionView]


class NewConnection(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`url`: `postgresql://user:password@host/database`, `mysql://…`, or a SQLite file's path."""

    project_id: str
    name: str
    kind: Kind
    url: str


class Trial(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An address to be tried."""

    kind: Kind
    url: str


class TrialView(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it: the names of its tables, or why there is no answer."""

    ok: bool
    message: str | None
    tables: tuple[str, ...]


@get(
    "/connections",
    **describe("listConnections", "List connections", TAG, right="read", errors=(404,)),
)
def list_connections(
    platform: GivenPlatform, caller: GivenCaller, project_id: FromQuery[str | None] = None
) -> ConnectionList:
    """Those of the caller's projects, or of one."""
    ids = caller.project_ids
    if project_id is not None:
        ids = (_project(platform, caller, project_id),)
    with platform.store.read() as c:
        found = connections.list_of_projects(c, ids)
        known = tables.list_of_connections(c, [each.id for each in found])
    return ConnectionList([_view(each, known, caller) for each in found])


@post(
    "/connections",
    **describe(
        "createConnection", "Connect a database", TAG, right="operate", errors=(404, 409, 413)
    ),
)
def create_connection(
    platform: GivenPlatform, caller: GivenCaller, data: JSONBody[NewConnection]
) -> ConnectionView:
    """It is tried first. Its tables are looked at: names, columns, and a profile of the first
    rows. Use an account of the database that may only read.
    """
    project_id = _project(platform, caller, data.project_id)
    address = _checked(platform, data.kind, data.url)
    found = connecting.tables_at(address)
    now_ms = platform.clock_ms()
    with platform.store.write() as c:
        made = connections.create(
            c,
            platform.pepper,
            project_id=project_id,
            name=data.name,
            kind=address.kind,
            place=address.place,
            url=data.url.strip(),
            now_ms=now_ms,
        )
        known = tables.put_of_connection(c, made.id, kept(found), now_ms)
    return _view(made, known, caller)


@post(
    "/connections/test",
    status_code=200,
    **describe("testConnection", "Try a database", TAG, right="operate", errors=(413,)),
)
def test_connection(platform: GivenPlatform, data: JSONBody[Trial]) -> TrialView:
    """Nothing is kept."""
    address = _checked(platform, data.kind, data.url)
    try:
        found = connecting.names_at(address)
    except TramontaneError as error:
        return TrialView(ok=False, message=error.message, tables=())
    return TrialView(ok=True, message=None, tables=tuple(found))


@get(
    "/connections/{connection_id:str}/tables",
    **describe(
        "listConnectionTables", "List a connection's tables", TAG, right="read", errors=(404,)
    ),
)
def list_connection_tables(
    platform: GivenPlatform, caller: GivenCaller, connection_id: FromPath[str]
) -> TableList:
    """As they were when it was last looked at."""
    with platform.store.read() as c:
        found = connections.get(c, connection_id)
        if found.project_id not in caller.project_ids:
            raise connections.missing()
        known = tables.list_of_connections(c, [found.id])
    return TableList([table_view(each) for each in known])


@post(
    "/connections/{connection_id:str}/refresh",
    status_code=200,
    **describe(
        "refreshConnection", "Look at a connection's tables anew", TAG, right="operate",
        errors=(404,),
    ),
)  # fmt: skip
def refresh_connection(
    platform: GivenPlatform, caller: GivenCaller, connection_id: FromPath[str]
) -> ConnectionView:
    """Tables that are still there keep their names and identifiers."""
    with platform.store.read() as c:
        found = connections.get(c, connection_id)
    url = connections.url_of(found, platform.pepper)
    seen = connecting.tables_at(parse(found.kind, url))  # type: ignore[arg-type]  # as it was kept
    with platform.store.write() as c:
        connections.get(c, connection_id)
        known = tables.put_of_connection(c, found.id, kept(seen), platform.clock_ms())
    return _view(found, known, caller)


@delete(
    "/connections/{connection_id:str}",
    status_code=204,
    **describe("deleteConnection", "Forget a connection", TAG, right="operate", errors=(404,)),
)
def delete_connection(platform: GivenPlatform, connection_id: FromPath[str]) -> None:
    """With its address and what was known of its tables; the database is left alone."""
    with platform.store.write() as c:
        connections.get(c, connection_id)
        connections.remove(c, connection_id)


def _checked(platform: Platform, kind: Kind, url: str) -> Address:
    address = parse(kind, url)
    check_allowed(address, platform.settings)
    return address


def _project(platform: Platform, caller: Caller, project_id: str) -> str:
    """Return the identifier of a project that the caller belongs to or manages."""
    try:
        return library_access.seen_project(caller, project_id)
    except NotFound:
        if not caller.is_operator:
            raise
    with platform.store.read() as c:
        return projects.get(c, project_id).id


def _view(connection: Connection, known: list[Table], caller: Caller) -> ConnectionView:
    return ConnectionView(
        id=connection.id,
        project_id=connection.project_id,
        name=connection.name,
        kind=connection.kind,
        url=connection.place if caller.is_operator else None,
        tables=sum(1 for table in known if table.connection_id == connection.id),
        created_at=time_name(connection.created_at_ms),
    )
