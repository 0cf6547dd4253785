"""Whose request it is where a proxy stands in front: the address that the proxy saw.

Only proxies that the configuration names are believed, and only as far as they go: what stands
left of the last address that no such proxy has is anybody's to write. It does not know the studio.
"""

import ipaddress
from collections.abc import Iterable


class Proxies:
    """The proxies that are believed, as addresses or networks."""

    __slots__ = ("_networks",)

    def __init__(self, trusted: Iterable[str]) -> None:
        self._networks = tuple(ipaddress.ip_network(each) for each in trusted)

    def client(self, peer: str, forwarded: bytes | None) -> str:
        """Return the client's address: the peer's own, or what a believed proxy says of it.

        `forwarded` is the request's X-Forwarded-For, in order, repeated ones joined by commas.
        """
        found = peer
        if self._networks and forwarded is not None:
            for said in reversed(forwarded.decode("latin-1").split(",")):
                if not self._believes(found):
                    break
                address = said.strip()
                if _parsed(address) is None:
                    break
                found = address
        return found

    def _believes(self, address: str) -> bool:
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._networks)


def _parsed(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
