"""Asks a hub: what a repository has, and a file's bytes from anywhere to anywhere.

Names are looked up here, and what is connected to is the address that was checked: the hub's own,
or where the hub redirects to: over https (http only from a hub that is http itself), never to an
address of a private network unless the hub is in one. The hub's key goes to its own origin only.
Nothing else is ever asked, and no proxy. It blocks: call it off a loop. It does not know which file
is wanted, nor where its bytes go.
"""

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from urllib.parse import quote, urljoin, urlsplit

import httpx
import msgspec

from tramontane import __version__
from tramontane.addresses import is_loopback, is_public, meant
from tramontane.config import HubSettings, Origin, is_link_local, parse_origin, read_secret
from tramontane.engines.hub import Listing, Part, Source, models_in
from tramontane.errors import (
    ConfigError,
    Forbidden,
    InvalidRequest,
    NotFound,
    TramontaneError,
    Unavailable,
)

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 30.0
LIST_BYTES_MOST = 16 << 20
HOPS_MOST = 8
ADDRESSES_TRIED = 3

LookUp = Callable[[str, int], list[str]]


class _LFS(msgspec.Struct):
    sha256: str | None = None
    size: int | None = None


class _Sibling(msgspec.Struct):
    rfilename: str
    size: int | None = None
    lfs: _LFS | None = None


class _Repository(msgspec.Struct):
    """The answer of `/api/models/ORG/REPO`: https://huggingface.co/docs/hub/api"""

    id: str
    sha: str
    gated: bool | str | None = False
    siblings: list[_Sibling] = []


class Answer(msgspec.Struct, frozen=True):
    """A file's bytes as they come, from `start`; `size_bytes` of the whole, where that is said."""

    chunks: Iterator[bytes]
    start: int
    size_bytes: int | None


def look_up(host: str, port: int) -> list[str]:
    """Return the addresses of `host`. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class HubClient:
    """Asks one hub. Close it after use."""

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        ca_file: str | None = None,
        read_timeout_s: float = READ_TIMEOUT_S,
        look_up: LookUp = look_up,
    ) -> None:
        """Raises ConfigError where `url` or `ca_file` cannot be used."""
        self._url = url.rstrip("/")
        self._origin = parse_origin(self._url, "hub")
        self._key = key
        self._look_up = look_up
        self._timeout = httpx.Timeout(read_timeout_s, connect=CONNECT_TIMEOUT_S)
        self._ca_file = ca_file
        # Loading authorities takes longer than asking: only where there is TLS.
        self._tls = self._authorities() if ca_file is not None or self._origin.tls else None
        # One for each host: a connection made for one name must not be used for another.
        self._clients: dict[str, httpx.Client] = {}

    def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            client.close()

    def __enter__(self) -> "HubClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def listing(self, source: Source) -> Listing:
        """Return what the repository of `source` has at its revision.

        Raises NotFound, Forbidden (`hub_gated`, `hub_key_refused`), Unavailable (`hub_unreachable`,
        `hub_failed`).
        """
        repository, revision = quote(source.repository), quote(source.revision, safe="")
        url = f"{self._url}/api/models/{repository}/revision/{revision}?blobs=true"
        with self._asked(url, source) as answer:
            body = b""
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > LIST_BYTES_MOST:
                    raise _not_a_hub(self._url)
        try:
            found = msgspec.json.decode(body, type=_Repository)
        except msgspec.DecodeError:
            raise _not_a_hub(self._url) from None
        return Listing(
            repository=found.id,
            revision=found.sha,
            is_gated=bool(found.gated),
            files=models_in(_part(sibling) for sibling in found.siblings),
        )

    @contextlib.contextmanager
    def bytes_of(self, source: Source, path: str, first: int, last: int) -> Iterator[Answer]:
        """Yield the bytes `first` to `last` (inclusive) of the file at `path`.

        A hub may give more than was asked for: the answer says where it begins. Raises as `listing`
        does; Unavailable too where it breaks off.
        """
        url = (
            f"{self._url}/{quote(source.repository)}/resolve/{quote(source.revision, safe='')}"
            f"/{quote(path)}"
        )
        with self._asked(url, source, {"range": f"bytes={first}-{last}"}) as answer:
            start, size_bytes = _range_of(answer)
            yield Answer(answer.iter_raw(), start, size_bytes)

    @contextlib.contextmanager
    def _asked(
        self, url: str, source: Source, fields: dict[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        """Yield a good answer, wherever the hub sends for it."""
        for _ in range(HOPS_MOST):
            try:
                answer = self._send(url, fields or {})
                try:
                    if answer.is_redirect and "location" in answer.headers:
                        url = _joined(url, answer.headers["location"])
                        continue
                    if not answer.is_success:
                        raise self._explained(answer, source)
                    yield answer
                    return
                finally:
                    answer.close()
            except httpx.RequestError as error:
                raise _broken(self._origin.host, error) from None
        raise Unavailable("The hub redirects in circles.", code="hub_failed")

    def _send(self, url: str, fields: dict[str, str]) -> httpx.Response:
        origin, addresses = self._place(url)
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        is_usual = origin.port == (443 if origin.tls else 80)
        sent = {
            "host": host if is_usual else f"{host}:{origin.port}",
            "user-agent": f"tramontane/{__version__}",
            "accept-encoding": "identity",
            **fields,
        }
        if self._key is not None and _same(origin, self._origin):
            sent["authorization"] = f"Bearer {self._key}"
        for address in addresses:
            at = f"[{address}]" if ":" in address else address
            client = self._client(origin)
            request = client.build_request(
                "GET",
                f"{'https' if origin.tls else 'http'}://{at}:{origin.port}{target}",
                headers=sent,
                extensions={"sni_hostname": origin.host},
            )
            try:
                return client.send(request, stream=True)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if address == addresses[-1]:
                    raise
        raise Unavailable(f"The name {origin.host} has no address.", code="hub_unreachable")

    def _client(self, origin: Origin) -> httpx.Client:
        place = f"{origin.tls} {origin.host}"
        if place not in self._clients:
            verify: ssl.SSLContext | bool = False  # without TLS there is nothing to verify
            if origin.tls:
                verify = self._tls = self._tls or self._authorities()
            self._clients[place] = httpx.Client(
                verify=verify, follow_redirects=False, trust_env=False, timeout=self._timeout
            )
        return self._clients[place]

    def _authorities(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._ca_file)
        except OSError as error:
            raise ConfigError(f"hub.ca_file: {self._ca_file} cannot be used ({error})") from None

    def _place(self, url: str) -> tuple[Origin, list[str]]:
        """Return the origin of `url` and its addresses. Raises Forbidden, Unavailable."""
        try:
            origin = parse_origin(urlsplit(url)._replace(query="", fragment="").geturl(), "")
            httpx.URL(url)
        except (ValueError, httpx.InvalidURL):
            raise _refused("its address cannot be read") from None
        except ConfigError as error:
            raise _refused(error.message.removeprefix(".url: ")) from None
        if self._origin.tls and not origin.tls:
            raise _refused(f"{origin.host} is to be asked without TLS")
        addresses = self._addresses(origin)
        if _same(origin, self._origin):
            if any(is_link_local(address) for address in addresses):
                raise _refused(f"{origin.host} is a link-local address")
            return origin, addresses
        own = self._addresses(self._origin)
        for address in addresses:
            if not _may_lead_there(address, own):
                raise _refused(f"{origin.host} leads to an address inside a network")
        return origin, addresses

    def _addresses(self, origin: Origin) -> list[str]:
        try:
            return self._look_up(origin.host, origin.port)[:ADDRESSES_TRIED]
        except (OSError, UnicodeError):
            raise Unavailable(
                f"The name {origin.host} cannot be looked up: is there a network? Nothing is lost;"
                " it is tried again.",
                code="hub_unreachable",
            ) from None

    def _explained(self, answer: httpx.Response, source: Source) -> TramontaneError:
        """Return what an answer that is none means, and what to do."""
        said, status = answer.headers.get("x-error-code", ""), answer.status_code
        page = f"{self._url}/{source.repository}"
        if said == "GatedRepo":
            mend = (
                f"accept its terms at {page} with the account of your key"
                if self._key
                else f"accept its terms at {page} and set hub.key_env or hub.key_file"
            )
            return Forbidden(f"{source.repository} is gated: {mend}.", code="hub_gated")
        if said == "RevisionNotFound":
            return NotFound(
                f"{source.repository} has no revision {source.revision!r}.",
                code="hub_file_missing",
                param="source",
            )
        if said == "EntryNotFound":
            return NotFound(
                f"{source.repository} has no such file at this revision.",
                code="hub_file_missing",
                param="source",
            )
        if status in (401, 403, 404):
            if self._key and status == 401 and said != "RepoNotFound":
                return Forbidden(
                    "The hub does not take the key of hub.key_env or hub.key_file: it may have"
                    " expired.",
                    code="hub_key_refused",
                )
            hint = "" if self._key else ", or is private: then set hub.key_env or hub.key_file"
            return NotFound(
                f"There is no repository {source.repository} at {self._url}{hint}. Check its name.",
                code="hub_repository_missing",
                param="source",
            )
        return Unavailable(
            f"The hub answered with status {status}; it is tried again.",
            code="hub_failed",
            retry_after_s=_seconds(answer.headers.get("retry-after")),
        )


def client_of(settings: HubSettings) -> HubClient:
    """Return a client of the configured hub. Raises ConfigError."""
    return HubClient(settings.url, key_of(settings), ca_file=settings.ca_file)


def key_of(settings: HubSettings) -> str | None:
    """Return the key for the hub; None where none is set. Raises ConfigError."""
    return read_secret(settings, place="hub")


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise _refused("its address cannot be read") from None


def _same(one: Origin, other: Origin) -> bool:
    return (one.tls, one.host, one.port) == (other.tls, other.host, other.port)


def _may_lead_there(address: str, own: list[str]) -> bool:
    """Whether a hub at the addresses `own` may redirect to `address`."""
    if is_public(address):
        return True
    if is_link_local(address) or all(is_public(each) for each in own):
        return False
    if is_loopback(address):
        return all(is_loopback(each) for each in own)
    return not any(each.is_multicast or each.is_unspecified for each in meant(address))


def _part(sibling: _Sibling) -> Part:
    lfs = sibling.lfs or _LFS()
    size = lfs.size if lfs.size is not None else sibling.size
    sha256 = lfs.sha256 or ""
    is_hash = len(sha256) == 64 and all(digit in "0123456789abcdef" for digit in sha256)
    return Part(sibling.rfilename, max(size or 0, 0), sha256 if is_hash else None)


def _range_of(answer: httpx.Response) -> tuple[int, int | None]:
    """Return where the bytes of an answer begin, and the size of the whole."""
    if answer.status_code != 206:
        return 0, _number(answer.headers.get("content-length", ""))
    said = answer.headers.get("content-range", "").removeprefix("bytes ")
    span, _, size = said.partition("/")
    start = _number(span.partition("-")[0])
    if start is None:
        raise Unavailable("The hub's answer has no readable range.", code="hub_failed")
    return start, _number(size)


def _seconds(text: str | None) -> float | None:
    found = _number(text or "")
    return None if found is None or found >= 100_000 else float(found)


def _number(text: str) -> int | None:
    """Return what a header says in digits, and in nothing that only looks like them.

    >>> _number("17"), _number("\u00b2"), _number("9" * 5_000)
    (17, None, None)
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _refused(why: str) -> Forbidden:
    return Forbidden(
        f"The hub redirects to where nothing is fetched from: {why}.", code="hub_redirect_refused"
    )


def _broken(host: str, error: httpx.RequestError) -> Unavailable:
    said = str(error.__cause__ or error)
    what = "its certificate is not good" if "CERTIFICATE" in said else "it cannot be reached"
    if isinstance(error, httpx.ReadTimeout):
        what = "it stopped answering"
    elif isinstance(error, (httpx.ReadError, httpx.RemoteProtocolError)):
        what = "it broke off"
    return Unavailable(
        f"{host}: {what}. Nothing is lost; it is tried again.", code="hub_unreachable"
    )


def _not_a_hub(url: str) -> InvalidRequest:
    return InvalidRequest(
        f"{url} does not answer as a hub of models does; check hub.url.", code="not_a_hub"
    )
