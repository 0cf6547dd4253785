"""How a request arrived: over what, from which page, with which cookie.

Host, scheme and client come in headers that the gateway sets and never takes from the client; the
studio's socket is private to this user. Pure functions; it does not know who is signed in.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from tramontane.errors import Forbidden, Unauthenticated

SECURE_COOKIE = "__Host-tramontane"
LOOPBACK_COOKIE = "tramontane"
PROOF_HEADER = "x-tramontane"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_MAX_TOKEN_BYTES = 128

Transport = Literal["secure", "loopback", "plain"]


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it came in. `origin` is this platform's own, as the browser sees it."""

    method: str
    transport: Transport
    origin: str
    client: str
    sent_origin: str | None = None
    sent_site: str | None = None
    has_proof: bool = False
    cookies: tuple[tuple[str, str], ...] = ()
    user_agent: str = ""


def read(scope: Mapping[str, Any], public_url: str | None) -> Arrival:
    """Return how the request of an ASGI `scope` arrived.

    `public_url` is where people reach the platform, where a proxy stands before it.
    """
    fields: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        fields.setdefault(name.lower(), []).append(value)

    def one(name: bytes) -> str | None:
        values = fields.get(name)
        return None if values is None else ", ".join(v.decode("latin-1") for v in values)

    host = one(b"x-forwarded-host")
    host = ((one(b"host") or "") if host is None else host).strip().lower()
    scheme = one(b"x-forwarded-proto") or str(scope.get("scheme", "http"))
    client = one(b"x-forwarded-for") or str((scope.get("client") or ("",))[0])
    sent_origin = one(b"origin")
    transport, origin = _own_side(scheme, host, sent_origin, public_url)
    return Arrival(
        method=scope["method"],
        transport=transport,
        origin=origin,
        client=client,
        sent_origin=sent_origin,
        sent_site=one(b"sec-fetch-site"),
        has_proof=one(PROOF_HEADER.encode()) == "1",
        cookies=_cookies(fields.get(b"cookie", ())),
        user_agent=one(b"user-agent") or "",
    )


def _own_side(
    scheme: str, host: str, sent_origin: str | None, public_url: str | None
) -> tuple[Transport, str]:
    if scheme == "https":
        return "secure", f"https://{host}"
    # A TLS proxy stands in front, and hands the name on, or leaves only the page's own.
    if (
        public_url is not None
        and public_url.startswith("https://")
        and (sent_origin == public_url or host == public_url.removeprefix("https://"))
    ):
        return "secure", public_url
    return "loopback" if is_loopback(host) else "plain", f"http://{host}"


def is_loopback(host: str) -> bool:
    """Return whether `host` (of a Host header, port or none) never leaves the reader's machine.

    >>> [is_loopback(h) for h in ("localhost:8080", "127.0.0.1", "[::1]:80", "localhost.evil.ch")]
    [True, True, True, False]
    """
    name = host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def token(arrival: Arrival) -> str | None:
    """Return the session's cookie, None where none came that this transport may carry.

    Raises Unauthenticated where one name came twice: somebody else may have set the other.
    """
    names = (
        (SECURE_COOKIE, LOOPBACK_COOKIE) if arrival.transport == "loopback" else (SECURE_COOKIE,)
    )
    if arrival.transport == "plain":
        return None
    for name in names:
        values = [value for found, value in arrival.cookies if found == name]
        if len(values) > 1:
            raise Unauthenticated("The session's cookie came twice. Sign in again.")
        if values:
            return values[0] if _could_be_token(values[0]) else None
    return None


def check_same_page(arrival: Arrival) -> None:
    """Raise Forbidden for a request that another site's page may have made with our cookie.

    What changes something must carry our header, which another site's page cannot send, and come
    from our own page. What only reads may also be an address that somebody typed.
    """
    is_safe = arrival.method in SAFE_METHODS
    allowed = ("same-origin", "none") if is_safe else ("same-origin",)
    is_foreign = arrival.sent_site is not None and arrival.sent_site not in allowed
    if arrival.sent_origin is not None:
        is_foreign |= arrival.sent_origin != arrival.origin
    is_unproven = not arrival.has_proof or (arrival.sent_origin or arrival.sent_site) is None
    if is_foreign or (is_unproven and not is_safe):
        raise _foreign()


def check_entrance(arrival: Arrival) -> None:
    """Raise Forbidden for a sign-in that another site's page began, or that goes over in clear.

    There is no cookie yet to be misused, so a program need not say where it comes from.
    """
    is_foreign = arrival.sent_origin not in (None, arrival.origin)
    is_foreign |= arrival.sent_site not in (None, "same-origin")
    if is_foreign or not arrival.has_proof:
        raise _foreign()
    if arrival.transport == "plain":
        raise Forbidden(
            "Signing in needs HTTPS: here, a password could be read on its way. Set"
            " server.tls_cert_file, or put a TLS proxy in front and set server.public_url; on the"
            " machine itself, http://127.0.0.1 will do.",
            code="https_required",
        )


def _foreign() -> Forbidden:
    return Forbidden(
        "This request did not come from Tramontane's own page. Where a proxy stands in front, set"
        " server.public_url to the address in the browser. Programs use a key; a script that signs"
        f" in sends '{PROOF_HEADER}: 1' and, with its cookie, the Origin.",
        code="cross_site",
    )


def cookie(arrival: Arrival, value: str, max_age_s: int) -> str:
    """Return the Set-Cookie field that keeps a session; an age of 0 takes it away."""
    name = SECURE_COOKIE if arrival.transport == "secure" else LOOPBACK_COOKIE
    secure = "; Secure" if arrival.transport == "secure" else ""
    return f"{name}={value}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}"


def _cookies(lines: Iterable[bytes]) -> tuple[tuple[str, str], ...]:
    found = []
    for line in lines:
        for pair in line.decode("latin-1").split(";"):
            name, equals, value = pair.strip().partition("=")
            if equals:
                found.append((name, value))
    return tuple(found)


def _could_be_token(value: str) -> bool:
    return value.isascii() and value.isalnum() and len(value) <= _MAX_TOKEN_BYTES
