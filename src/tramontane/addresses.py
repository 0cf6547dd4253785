"""What an IP address means, however it is written: where it leads, not what it is called.

It looks nothing up and knows no names.
"""

import ipaddress

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_COMPATIBLE = ipaddress.ip_network("::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def meant(text: str) -> list[Address]:
    """Return the address, or those that its bits hold: IPv4 inside IPv6 reaches IPv4.

    >>> meant("::ffff:10.0.0.1"), meant("2001:db8::1")
    ([IPv4Address('10.0.0.1')], [IPv6Address('2001:db8::1')])
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    inside: list[Address | None] = [address.ipv4_mapped, address.sixtofour]
    inside += address.teredo or ()
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        inside.append(ipaddress.IPv4Address(address.packed[-4:]))
    found: list[Address] = [a for a in inside if a is not None]
    return found or [address]


def is_public(text: str) -> bool:
    """Return whether `text` leads out to the internet, and only there.

    >>> is_public("93.184.216.34"), is_public("10.0.0.1"), is_public("64:ff9b::7f00:1")
    (True, False, False)
    """
    return all(address.is_global and not address.is_multicast for address in meant(text))


def is_loopback(text: str) -> bool:
    """Return whether `text` leads to this machine only."""
    return all(address.is_loopback for address in meant(text))
