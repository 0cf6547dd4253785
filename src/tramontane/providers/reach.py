"""Which addresses may be entered in the page, and what their names may stand for.

Whoever writes the configuration file may name any origin; whoever uses the page only those that
the file allows, by default the well-known providers'. Pure: it looks nothing up.
"""

import msgspec

from tramontane.addresses import is_loopback, is_public, meant
from tramontane.config import Origin, Settings, is_link_local, parse_origin
from tramontane.errors import ConfigError, Forbidden, InvalidRequest
from tramontane.providers import registry
from tramontane.providers.known import PROVIDERS, KnownProvider

_LOOPBACK_HOSTS = frozenset(("localhost", "127.0.0.1", "::1"))
_EVERY_HOST = frozenset(("0.0.0.0", "::"))


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """What may be entered. `listed` are the file's own origins; None: the well-known ones.

    `own` are this platform's own hosts and ports, where a request would come back to it.
    """

    listed: tuple[str, ...] | None
    allows_loopback: bool
    own: tuple[tuple[str, int], ...] = ()

    def providers(self) -> list[KnownProvider]:
        """Return the providers that may be entered, those of the file's own origins too."""
        found = [p for p in PROVIDERS if self.listed is None or _in(p.url, self.listed)]
        known = {_place(p.url) for p in found}
        for url in self.listed or ():
            if _place(url) not in known:
                host = parse_origin(url).host
                found.append(KnownProvider(name=host, title=host, url=url))
        return sorted(found, key=lambda provider: provider.title.casefold())

    def origin(self, url: str) -> Origin:
        """Return the origin of `url`, which somebody entered.

        Raises InvalidRequest where it is no address, Forbidden where it is not allowed.
        """
        try:
            origin = parse_origin(url, "")
        except ConfigError as error:
            message = error.message.removeprefix(".url: ")
            raise InvalidRequest(f"The address: {message}.", param="url") from None
        self.refuse_own(origin)
        if self.allows_loopback and origin.host in _LOOPBACK_HOSTS:
            return origin
        is_allowed = (
            _in(url, self.listed)
            if self.listed is not None
            else _in(url, [p.url for p in PROVIDERS]) or registry.is_of_a_provider(origin)
        )
        if not is_allowed:
            raise Forbidden(
                "This address may not be entered here. Those that may be stand in"
                " studio.allowed_origins of the configuration file.",
                code="origin_not_allowed",
                param="url",
            )
        return origin

    def refuse_own(self, origin: Origin) -> None:
        """Raise Forbidden where `origin` is this platform's own, by one of its names."""
        if any(origin.port == port and _same_host(origin.host, host) for host, port in self.own):
            raise Forbidden(
                "This is this platform's own address.", code="origin_not_allowed", param="url"
            )

    def check_addresses(self, origin: Origin, addresses: list[str]) -> None:
        """Raise Forbidden where the host of `origin` stands for an address that it may not.

        A provider's name must lead out to the internet, a loopback name to loopback, one that the
        file lists anywhere but to link-local addresses.
        """
        wants_loopback = self.allows_loopback and origin.host in _LOOPBACK_HOSTS
        for text in addresses:
            if is_link_local(text):
                is_right = False
            elif wants_loopback:
                is_right = is_loopback(text)
            elif self.listed is None:
                is_right = is_public(text)
            else:
                is_right = not any(a.is_multicast or a.is_unspecified for a in meant(text))
            if not is_right:
                raise Forbidden(
                    f"The name {origin.host} leads to an address that it may not lead to.",
                    code="origin_not_allowed",
                    param="url",
                )


def reach_of(settings: Settings, address: str | None = None) -> Reach:
    """Return what may be entered under these settings.

    `address` is where the platform runs, empty where it does not; left out: where these say.
    """
    listed = settings.studio.allowed_origins
    server = settings.server
    own = [(server.host, server.port)] if address is None and server.port else []
    for url in filter(None, (address, server.public_url)):
        origin = parse_origin(url)
        own.append((origin.host, origin.port))
    return Reach(
        listed=listed,
        allows_loopback=listed is None and server.host in _LOOPBACK_HOSTS,
        own=tuple(own),
    )


def provider_of(url: str) -> KnownProvider | None:
    """Return the known provider at this origin."""
    place = _place(url)
    return next((provider for provider in PROVIDERS if _place(provider.url) == place), None)


def _same_host(one: str, other: str) -> bool:
    return one == other or {one, other} <= {*_LOOPBACK_HOSTS, *_EVERY_HOST}


def _place(url: str) -> tuple[bool, str, int]:
    origin = parse_origin(url)
    return origin.tls, origin.host, origin.port


def _in(url: str, allowed: list[str] | tuple[str, ...]) -> bool:
    return _place(url) in {_place(one) for one in allowed}
