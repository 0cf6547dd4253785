"""Fetches a packed catalogue that somebody else has built, from an https address.

What comes is bounded in size and time, and looked at only when it is whole. It does not know what a
catalogue is.
"""

import ssl
import time
from urllib.parse import urljoin, urlsplit

import httpx

from tramontane.errors import InvalidRequest, Unavailable

MAX_BYTES = 64 * 1024 * 1024
TIMEOUT_S = 30.0
WHOLE_S = 300.0
REDIRECTS = 3
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def is_address(text: str) -> bool:
    """Return whether `text` is meant as an address and not as a path."""
    return text.lower().startswith(("http://", "https://"))


def fetched(url: str, *, ca_file: str | None = None, max_bytes: int = MAX_BYTES) -> bytes:
    """Return the body at `url`: https, or this very machine. `ca_file` is a further authority.

    Raises InvalidRequest for an address that may not be asked or an answer that is too large,
    Unavailable where there is no good answer.
    """
    _check(url)
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError:
        raise InvalidRequest("the setting upstream.ca_file cannot be used") from None
    end_s = time.monotonic() + WHOLE_S
    with httpx.Client(
        verify=context, timeout=TIMEOUT_S, follow_redirects=False, trust_env=False
    ) as client:
        for _ in range(REDIRECTS + 1):
            try:
                with client.stream("GET", url, headers={"accept-encoding": "identity"}) as answer:
                    if not answer.is_redirect:
                        return _body(answer, url, max_bytes, end_s)
                    url = urljoin(url, answer.headers["location"])
            except httpx.HTTPError as error:
                raise Unavailable(
                    f"{url} could not be fetched ({type(error).__name__}); nothing was changed"
                ) from None
            _check(url)
    raise Unavailable(f"{url} leads on more than {REDIRECTS} times; nothing was changed")


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_here = parts.hostname in _LOOPBACK
        _ = parts.port
    except ValueError:
        raise InvalidRequest(f"{url!r} is no address") from None
    if parts.scheme != "https" and not (parts.scheme == "http" and is_here):
        raise InvalidRequest(f"{url}: a catalogue is fetched over https only")
    if parts.username is not None or parts.password is not None:
        raise InvalidRequest("an address with a password in it is not asked")


def _body(answer: httpx.Response, url: str, max_bytes: int, end_s: float) -> bytes:
    if answer.status_code != 200:
        raise Unavailable(f"{url} answered {answer.status_code}; nothing was changed")
    body = bytearray()
    for piece in answer.iter_raw():
        body += piece
        if len(body) > max_bytes:
            raise InvalidRequest(f"{url} is larger than {max_bytes:,} bytes; nothing was changed")
        if time.monotonic() > end_s:
            raise Unavailable(f"{url} took longer than {WHOLE_S:.0f} s; nothing was changed")
    length = answer.headers.get("content-length")
    if length is not None and length.isdigit() and int(length) != len(body):
        raise Unavailable(f"{url} broke off; nothing was changed")
    return bytes(body)
