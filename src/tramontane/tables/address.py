"""Where a database is, as an administrator writes it, and which of them may be entered in the page.

`postgresql://user:password@host:5432/database`, `mysql://…`, a path to a SQLite file. TLS with the
server's certificate verified, but on loopback; `?sslmode=require` verifies nothing, `disable` sends
everything in the open. It looks no name up.
"""

import re
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from tramontane.config import Settings, is_link_local
from tramontane.errors import Forbidden, InvalidRequest

Kind = Literal["sqlite", "postgresql", "mysql"]
Tls = Literal["verify", "require", "disable"]
URL_CHARACTERS_MAX = 2_000
_PORTS = {"postgresql": 5432, "mysql": 3306}
_SCHEMES = {
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
}
_TLS: dict[str, Tls] = {
    "disable": "disable",
    "require": "require",
    "verify-full": "verify",
    "verify_identity": "verify",
}
_LOOPBACK_HOSTS = frozenset(("localhost", "127.0.0.1", "::1"))


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """One database. `path` is a SQLite file's; the rest is a server's."""

    kind: Kind
    path: str = ""
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = ""
    database: str = ""
    tls: Tls = "verify"

    @property
    def place(self) -> str:
        """Where it is, without user and password."""
        if self.kind == "sqlite":
            return self.path
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.kind}://{host}:{self.port}/{self.database}"


def parse(kind: Kind, url: str) -> Address:
    """Return the address in `url`. Raises InvalidRequest, which never repeats the password."""
    url = url.strip()
    if not url or len(url) > URL_CHARACTERS_MAX or re.search(r"[\x00-\x1f\x7f]", url):
        raise _wrong("write the address of the database")
    if kind == "sqlite":
        return _file(url)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS[kind]
    except ValueError:
        raise _wrong(f"write it as {kind}://user:password@host/database") from None
    if _SCHEMES.get(parts.scheme) != kind or not host or not parts.username:
        raise _wrong(f"write it as {kind}://user:password@host/database")
    if is_link_local(host):
        raise _wrong("link-local addresses are refused")
    database = unquote(parts.path.lstrip("/"))
    if not database:
        raise _wrong("name the database, behind the last /")
    return Address(
        kind=kind,
        host=host,
        port=port,
        user=unquote(parts.username),
        password=unquote(parts.password or ""),
        database=database,
        tls=_tls(parts.query, host),
    )


def _file(url: str) -> Address:
    path = url.removeprefix("sqlite://") if url.startswith("sqlite:///") else url
    if not path.startswith("/"):
        raise _wrong("write the whole path of the SQLite file, from / on")
    return Address(kind="sqlite", path=str(Path(path).resolve()), tls="disable")


def _tls(query: str, host: str) -> Tls:
    options = dict(parse_qsl(query, keep_blank_values=True))
    chosen = options.pop("sslmode", options.pop("ssl-mode", "")).lower()
    if options:
        raise _wrong(f"only sslmode may stand behind the ?, not {next(iter(options))[:40]!r}")
    if not chosen:
        return "disable" if host in _LOOPBACK_HOSTS else "verify"
    if chosen not in _TLS:
        raise _wrong(f"sslmode is one of {', '.join(_TLS)}")
    return _TLS[chosen]


def _wrong(why: str) -> InvalidRequest:
    return InvalidRequest(f"The address: {why}.", param="url")


def check_allowed(address: Address, settings: Settings) -> None:
    """Raise Forbidden where that database may not be entered in the page.

    The file's `tables.databases` says which may. Where it is unset: those of this machine, while
    the server itself listens on loopback. Never what is in the data folder.
    """
    listed = settings.tables.databases
    if address.kind == "sqlite":
        path = Path(address.path)
        if path.is_relative_to(settings.data_dir.resolve()):
            raise _forbidden()
        is_right = any(
            path.is_relative_to(Path(one).resolve()) for one in listed or () if one[:1] == "/"
        )
    else:
        is_right = any(_is_there(address, one) for one in listed or ())
    if listed is None and settings.server.host in _LOOPBACK_HOSTS:
        is_right = address.kind == "sqlite" or address.host in _LOOPBACK_HOSTS
    if not is_right:
        raise _forbidden()


def _is_there(address: Address, listed: str) -> bool:
    parts = urlsplit(listed)
    kind = _SCHEMES.get(parts.scheme)
    if kind != address.kind or kind is None:
        return False
    return (parts.hostname, parts.port or _PORTS[kind]) == (address.host, address.port)


def _forbidden() -> Forbidden:
    return Forbidden(
        "This database may not be entered here. Those that may be stand in tables.databases of the"
        " configuration file.",
        code="origin_not_allowed",
        param="url",
    )
