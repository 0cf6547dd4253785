"""`/docs`: the handbook, for anyone, without a script.

`/docs` leads to the reader's language, `/docs/LANGUAGE` lists the pages and searches them with `q`.
"""

import hashlib
from typing import Any

from litestar import HttpMethod, Request, Response, route
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from tramontane.handbook import LANGUAGES, NAMES
from tramontane.studio import handbook
from tramontane.studio.webapp import preferred

PATH = "/docs"
STYLE_PATH = f"{PATH}/handbook.css"
MOST_QUERY = 200

_READ = [HttpMethod.GET, HttpMethod.HEAD]
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_PUBLIC: dict[str, Any] = {"public": True}


@route(PATH, http_method=_READ, opt=_PUBLIC, include_in_schema=False, sync_to_thread=False)
def lead_to_language(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Send the reader to the handbook in a language that their browser asks for."""
    language = preferred(request.headers.get("accept-language", ""), NAMES)
    headers = {"location": f"{PATH}/{language}", "vary": "accept-language"}
    return Response(b"", status_code=302, headers=headers)


@route(STYLE_PATH, http_method=_READ, opt=_PUBLIC, include_in_schema=False, sync_to_thread=False)
def get_style(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the style sheet."""
    return _answer(request, handbook.stylesheet(), "text/css; charset=utf-8")


@route(
    f"{PATH}/{{language:str}}",
    http_method=_READ, opt=_PUBLIC, include_in_schema=False, sync_to_thread=True,
)  # fmt: skip
def get_contents(
    request: Request[Any, Any, Any], language: FromPath[str], q: FromQuery[str] = ""
) -> Response[bytes]:
    """Return the list of pages; with `q`, what is found for it."""
    if language not in LANGUAGES:
        return _missing(request, language)
    query = q.strip()[:MOST_QUERY]
    body = handbook.results(language, query) if query else handbook.contents(language)
    return _answer(request, body, "text/html; charset=utf-8")


@route(
    f"{PATH}/{{language:str}}/{{slug:str}}",
    http_method=_READ, opt=_PUBLIC, include_in_schema=False, sync_to_thread=True,
)  # fmt: skip
def get_page(
    request: Request[Any, Any, Any], language: FromPath[str], slug: FromPath[str]
) -> Response[bytes]:
    """Return one page."""
    if handbook.page_of(language, slug) is None:  # asked first, so that nothing unknown is kept
        return _missing(request, language)
    body = handbook.page(language, slug)
    assert body is not None
    return _answer(request, body, "text/html; charset=utf-8")


def handlers() -> list[HTTPRouteHandler]:
    """Return the routes of the handbook."""
    return [lead_to_language, get_style, get_contents, get_page]


def _missing(request: Request[Any, Any, Any], language: str) -> Response[bytes]:
    if language not in LANGUAGES:
        language = preferred(request.headers.get("accept-language", ""), NAMES)
    headers = {"content-security-policy": _POLICY}
    body = handbook.missing(language)
    return Response(body, status_code=404, media_type="text/html; charset=utf-8", headers=headers)


def _answer(request: Request[Any, Any, Any], body: bytes, media_type: str) -> Response[bytes]:
    etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
    headers = {"etag": etag, "cache-control": "no-cache", "content-security-policy": _POLICY}
    if request.headers.get("if-none-match") == etag:
        return Response(b"", status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)
