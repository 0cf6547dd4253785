"""Failed tries are slowed: the longer somebody guesses, the longer the next guess has to wait.

By e-mail address, so that one account cannot be tried out, whoever asks; by client, so that one
client cannot try out many. It counts a try before it is checked, so that many at once gain
nothing, and it treats addresses that nobody has as it does others. Memory only, and bounded; it
does not know what is being tried.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable

import msgspec

from tramontane.errors import RateLimited

FREE_TRIES = 5
MOST_WAIT_MS = 300_000
FORGET_MS = 86_400_000
CLIENT_TRIES = 100  # of many people behind one address
CLIENT_REFILL_MS = 10_000
MOST_ENTRIES = 20_000


class _Account(msgspec.Struct):
    tries: int
    until_ms: int
    last_ms: int


class _Client(msgspec.Struct):
    left: float
    last_ms: int


class Slowing:
    """What was tried lately. `clock_ms` gives Unix milliseconds."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._accounts: OrderedDict[str, _Account] = OrderedDict()
        self._clients: OrderedDict[str, _Client] = OrderedDict()

    def begin(self, email: str, client: str) -> None:
        """Count a try. Raises RateLimited where it comes too early; it is not counted then."""
        now_ms = self._clock_ms()
        account = self._account(email, now_ms)
        source = self._client(client, now_ms)
        wait_ms = account.until_ms - now_ms
        if source is not None and source.left < 1:
            wait_ms = max(wait_ms, round((1 - source.left) * CLIENT_REFILL_MS))
        if wait_ms > 0:
            raise RateLimited(
                "Too many failed tries. Wait a little before the next one.",
                code="slow_down",
                retry_after_s=max(1, -(-wait_ms // 1000)),
            )
        account.tries += 1
        account.last_ms = now_ms
        if account.tries > FREE_TRIES:
            doublings = min(account.tries - FREE_TRIES - 1, 20)
            account.until_ms = now_ms + min(1000 * 2**doublings, MOST_WAIT_MS)
        if source is not None:
            source.left -= 1

    def succeeded(self, email: str, client: str) -> None:
        """Take back what `begin` counted: the try was a good one."""
        self._accounts.pop(_key(email), None)
        source = self._clients.get(network_of(client))
        if source is not None:
            source.left = min(CLIENT_TRIES, source.left + 1)

    def _account(self, email: str, now_ms: int) -> _Account:
        found = self._accounts.pop(_key(email), None)
        if found is None or not found.last_ms <= now_ms < found.last_ms + FORGET_MS:
            found = _Account(0, 0, now_ms)
        self._accounts[_key(email)] = found  # the latest at the end
        if len(self._accounts) > MOST_ENTRIES:
            self._accounts.popitem(last=False)
        return found

    def _client(self, client: str, now_ms: int) -> _Client | None:
        """Return what a client has left; None for this machine, where a proxy may stand for all."""
        network = network_of(client)
        if not network:
            return None
        found = self._clients.pop(network, None) or _Client(CLIENT_TRIES, now_ms)
        grown = max(0, now_ms - found.last_ms) / CLIENT_REFILL_MS
        found.left = min(CLIENT_TRIES, found.left + grown)
        found.last_ms = now_ms
        self._clients[network] = found
        if len(self._clients) > MOST_ENTRIES:
            self._clients.popitem(last=False)
        return found


def _key(email: str) -> str:
    return email[:256]


def network_of(client: str) -> str:
    """Return what a client's address counts as: IPv6 by /64, which is one household's."""
    try:
        address = ipaddress.ip_address(client.partition("%")[0])
    except ValueError:
        return ""
    if address.is_loopback:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    return str(address)
