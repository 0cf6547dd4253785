"""What anyone may read beside the browser app's files: the studio's health, the API's document."""

from collections.abc import Callable
from functools import cache

from litestar import MediaType, Response, get
from litestar.handlers import HTTPRouteHandler

OPENAPI_PATH = "/api/openapi.json"
HEALTH_PATH = "/health"

PATHS = frozenset({OPENAPI_PATH, HEALTH_PATH})
"""Every path of these that needs no key."""


def handlers(document: Callable[[], bytes]) -> list[HTTPRouteHandler]:
    """Return the routes of `PATHS`; `document` makes the API's description when first asked."""
    return [health, _document(cache(document))]


@get(HEALTH_PATH, include_in_schema=False, sync_to_thread=False)
def health() -> dict[str, str]:
    """Say that the studio answers; its supervisor asks this on the private socket."""
    return {"status": "ok"}


def _document(build: Callable[[], bytes]) -> HTTPRouteHandler:
    @get(OPENAPI_PATH, include_in_schema=False, sync_to_thread=True)
    def serve() -> Response[bytes]:
        return Response(build(), media_type=MediaType.JSON)

    return serve
