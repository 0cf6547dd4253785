"""Public model names and what serves them, as the command line or the studio entered them.

It does not know whether a deployment can be used.
"""

import msgspec
from sqlalchemy import Connection, delete, insert, select

from tramontane.config import RouteSettings, Settings, check_route
from tramontane.errors import ConfigError, Conflict, InvalidRequest
from tramontane.store import deployments, publications, schema
from tramontane.store.database import bump_revision
from tramontane.store.names import unknown
from tramontane.store.planning import merged_routes
from tramontane.store.records import StoredRoute


def put(c: Connection, name: str, settings: RouteSettings, now_ms: int) -> StoredRoute:
    """Keep the route in place of one of the same name. Raises InvalidRequest, Conflict."""
    try:
        check_route(name, settings, "route")
    except ConfigError as error:
        raise InvalidRequest(
            error.message.removeprefix("route.").removeprefix("'route': ")
        ) from None
    if name in publications.named(c):
        raise Conflict(f"{name!r} is the name of a publication; choose another", param="name")
    route = StoredRoute(name=name, settings=msgspec.json.encode(settings), created_at_ms=now_ms)
    table = schema.routes
    c.execute(delete(table).where(table.c.name == name))
    c.execute(insert(table), msgspec.structs.asdict(route))
    bump_revision(c)
    return route


def list_all(c: Connection) -> list[StoredRoute]:
    """Return every stored route by name."""
    rows = c.execute(select(schema.routes).order_by(schema.routes.c.name))
    return [StoredRoute(**row) for row in rows.mappings()]


def remove(c: Connection, name: str) -> None:
    """Forget that route; its deployments stay. Raises NotFound with the nearest names."""
    table = schema.routes
    if c.execute(delete(table).where(table.c.name == name)).rowcount == 0:
        raise unknown("route", name, c.scalars(select(table.c.name)), "route")
    bump_revision(c)


def known(c: Connection, settings: Settings) -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of all deployments, and all public names."""
    there = {stored.name for stored in deployments.list_all(c)} | settings.deployments.keys()
    there |= {name for name, is_on in (("demo", settings.demo), ("guide", settings.guide)) if is_on}
    public = there | merged_routes(settings.routes, list_all(c)).keys()
    return frozenset(there), frozenset(public)


def check_known(c: Connection, settings: Settings, name: str, route: RouteSettings) -> None:
    """Raise NotFound where the route names a deployment or a fallback that there is not."""
    there, public = known(c, settings)
    for deployment in route.names:
        if deployment not in there:
            raise unknown("deployment", deployment, there, "deployments")
    for fallback in route.fallbacks:
        if fallback not in public - ({name} - there):
            raise unknown("model", fallback, public - {name}, "fallbacks")


def missing(route: RouteSettings, there: frozenset[str], public: frozenset[str]) -> tuple[str, ...]:
    """Return which of the route's names stand for nothing, `known` being what there is."""
    return tuple(name for name in route.names if name not in there) + tuple(
        name for name in route.fallbacks if name not in public
    )
