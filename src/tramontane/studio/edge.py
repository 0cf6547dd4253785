"""The headers that every answer of the studio carries, errors included.

The policy lets a page load and call its own origin only, so neither an answer of a model nor a
slip of ours can make a browser ask anyone else.
"""

import logging
from collections.abc import Iterable

from litestar.types import ASGIApp, Message, Receive, Scope, Send

from tramontane.studio import errors

_log = logging.getLogger(__name__)

# Who may make markup from text: what sanitises a model's Markdown, and the framework for its own
# templates.
TRUSTED = ("dompurify", "svelte-trusted-html", "tramontane")
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "font-src 'self'",
        "connect-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        f"trusted-types {' '.join(TRUSTED)}",
    )
)
HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
_NO_STORE = (b"cache-control", b"no-store")
# Said only where TLS is ours: nobody signs in here without, so there is no going back to lose.
_STAY_SECURE = (b"strict-transport-security", b"max-age=31536000")


class Edge:
    """Adds `HEADERS` to every answer, and forbids caching one that does not say otherwise.

    It is also where an exception that nothing foresaw becomes an answer.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        is_started = False
        kind: str = scope["type"]
        is_secure = kind == "http" and (b"x-forwarded-proto", b"https") in scope["headers"]

        async def send_guarded(message: Message) -> None:
            nonlocal is_started
            if message["type"] == "http.response.start":
                is_started = True
                extra = [_STAY_SECURE] if is_secure else []
                message["headers"] = [*guarded(message["headers"]), *extra]
            await send(message)

        try:
            await self._app(scope, receive, send_guarded)
        except Exception as error:  # the outer edge
            if kind != "http" or is_started:
                raise
            _log.error("%s failed", scope["path"], exc_info=error)
            await errors.answer(send_guarded, errors.unforeseen())


def guarded(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return an answer's headers with those of ours that it does not set itself.

    One that it sets to nothing is not sent at all.
    """
    own = list(headers)
    named = {name.lower() for name, _ in own}
    kept = [each for each in own if each[1]]
    return [*kept, *(each for each in (*HEADERS, _NO_STORE) if each[0] not in named)]
