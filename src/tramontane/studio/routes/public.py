"""What anyone may read: the start page, its files, the studio's health, the API's document."""

from collections.abc import Callable
from functools import cache
from typing import Any

from litestar import HttpMethod, MediaType, Request, Response, get, route
from litestar.handlers import HTTPRouteHandler

from tramontane.studio.pages import Asset

OPENAPI_PATH = "/api/openapi.json"
HEALTH_PATH = "/health"

_READ = [HttpMethod.GET, HttpMethod.HEAD]


def paths(assets: dict[str, Asset]) -> frozenset[str]:
    """Return every path that needs no key."""
    return frozenset({*assets, OPENAPI_PATH, HEALTH_PATH})


def handlers(assets: dict[str, Asset], document: Callable[[], bytes]) -> list[HTTPRouteHandler]:
    """Return the routes of those paths; `document` makes the API's description when first asked."""
    files = (_asset(path, asset) for path, asset in assets.items())
    return [health, _document(cache(document)), *files]


@get(HEALTH_PATH, include_in_schema=False, sync_to_thread=False)
def health() -> dict[str, str]:
    """Say that the studio answers; its supervisor asks this on the private socket."""
    return {"status": "ok"}


def _document(build: Callable[[], bytes]) -> HTTPRouteHandler:
    @get(OPENAPI_PATH, include_in_schema=False, sync_to_thread=True)
    def serve() -> Response[bytes]:
        return Response(build(), media_type=MediaType.JSON)

    return serve


def _asset(path: str, asset: Asset) -> HTTPRouteHandler:
    # Checked again on every use, so that a new release is seen at once, at the price of a 304.
    headers = {"etag": asset.etag, "cache-control": "no-cache"}

    @route(path, http_method=_READ, include_in_schema=False, sync_to_thread=False)
    def serve(request: Request[Any, Any, Any]) -> Response[bytes]:
        if request.headers.get("if-none-match") == asset.etag:
            return Response(b"", status_code=304, headers=headers)
        return Response(asset.body, media_type=asset.media_type, headers=headers)

    return serve
