"""`/api/v1/routes`: public model names that several deployments serve, in an order."""

from typing import Literal

import msgspec
from litestar import delete, get, put
from litestar.params import FromPath, JSONBody

from tramontane.config import RouteSettings, RouteTarget
from tramontane.errors import Conflict
from tramontane.store import routes
from tramontane.store.planning import merged_routes
from tramontane.studio.operations import describe
from tramontane.studio.platform import GivenPlatform, Platform


class RouteView(msgspec.Struct, frozen=True, kw_only=True):
    """A route. `deployments` are tried in order; neighbours with a weight share one step. `source`
    is where it is set up: `store` ones can be replaced and removed. `missing` are names in it that
    stand for nothing any more.
    """

    name: str
    deployments: list[RouteTarget]
    fallbacks: list[str]
    retries: int
    timeout_s: float | None
    deadline_s: float | None
    missing: list[str]
    source: Literal["file", "store"]


class RouteList(msgspec.Struct, frozen=True):
    """Routes by name."""

    data: list[RouteView]


class NewRoute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a public name is to stand for. `fallbacks` are other public names; `retries` is how
    often all are tried again; both times are to the first byte, of one attempt and of all.
    """

    deployments: list[RouteTarget]
    fallbacks: list[str] = []
    retries: int = 1
    timeout_s: float | None = None
    deadline_s: float | None = None


@get("/routes", **describe("listRoutes", "List routes", "Deployments", right="operate"))
def list_routes(platform: GivenPlatform) -> RouteList:
    """Those of the configuration file and those entered. Needs the right `operate`."""
    with platform.store.read() as c:
        found = merged_routes(platform.settings.routes, routes.list_all(c))
        known = routes.known(c, platform.settings)
    return RouteList([_view(platform, name, found[name], known) for name in sorted(found)])


@put(
    "/routes/{name:str}",
    **describe("putRoute", "Enter a route", "Deployments", right="operate", errors=(404, 409, 413)),
)
def put_route(platform: GivenPlatform, name: FromPath[str], data: JSONBody[NewRoute]) -> RouteView:
    """Replace the route of that name, or make it. Served within two seconds. Needs the right
    `operate`.
    """
    _check_entered(platform, name)
    settings = RouteSettings(
        deployments=tuple(data.deployments),
        fallbacks=tuple(data.fallbacks),
        retries=data.retries,
        timeout_s=data.timeout_s,
        deadline_s=data.deadline_s,
    )
    with platform.store.write() as c:
        routes.check_known(c, platform.settings, name, settings)
        routes.put(c, name, settings, platform.clock_ms())
        return _view(platform, name, settings, routes.known(c, platform.settings))


@delete(
    "/routes/{name:str}",
    status_code=204,
    **describe("removeRoute", "Remove a route", "Deployments", right="operate", errors=(404, 409)),
)
def remove_route(platform: GivenPlatform, name: FromPath[str]) -> None:
    """Its deployments stay. Needs the right `operate`."""
    _check_entered(platform, name)
    with platform.store.write() as c:
        routes.remove(c, name)


def _check_entered(platform: Platform, name: str) -> None:
    if name in platform.settings.routes:
        raise Conflict(
            f"The route {name[:80]!r} is set up in the configuration file; change it there.",
            param="name",
        )


def _view(
    platform: Platform,
    name: str,
    route: RouteSettings,
    known: tuple[frozenset[str], frozenset[str]],
) -> RouteView:
    return RouteView(
        name=name,
        deployments=list(route.targets),
        fallbacks=list(route.fallbacks),
        retries=route.retries,
        timeout_s=route.timeout_s,
        deadline_s=route.deadline_s,
        missing=list(routes.missing(route, *known)),
        source="file" if name in platform.settings.routes else "store",
    )
