"""From an origin's host to addresses that may be connected to, off the loop.

Each origin looks its name up on a thread of its own, one look-up at a time, so that a name server
that does not answer holds up nobody else's connections. Link-local addresses are refused whatever
they are called: cloud metadata lives there. It does not know connections.
"""

import asyncio
import contextlib
import errno
import ipaddress
import socket
import threading
from collections.abc import Callable

from tramontane.config import is_link_local

KEPT_S = 30.0

LookUp = Callable[[str, int], list[str]]


class NotConnectable(OSError):
    """There is nothing that may be connected to; unlike the system's, its words name no address."""


def look_up(host: str, port: int) -> list[str]:
    """Return the addresses of `host` in the system's order of preference. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class Resolver:
    """Looks up one host, and keeps what it found for KEPT_S seconds."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        host: str,
        port: int,
        clock_s: Callable[[], float],
        look_up: LookUp = look_up,
    ) -> None:
        self._loop = loop
        self._host = host
        self._port = port
        self._clock_s = clock_s
        self._look_up = look_up
        self._pending: asyncio.Future[list[str]] | None = None
        self._addresses: list[str] = []
        self._found_s = 0.0

    async def addresses(self) -> list[str]:
        """Return at least one address. Raises OSError for an unknown or a link-local one."""
        if _is_address(self._host):
            return _checked([self._host])
        if self._addresses and self._clock_s() - self._found_s < KEPT_S:
            return self._addresses
        if self._pending is None:
            pending = self._loop.create_future()
            pending.add_done_callback(self._done)
            try:
                threading.Thread(target=self._run, args=(pending,), daemon=True).start()
            except RuntimeError as error:  # no more threads
                raise NotConnectable(errno.EAGAIN, str(error)) from None
            self._pending = pending
        # Shielded: who waits may give up, the look-up goes on for the next one.
        return await asyncio.shield(self._pending)

    def prefer(self, address: str) -> None:
        """Note that `address` accepted a connection: it is tried first from now on."""
        if address in self._addresses and self._addresses[0] != address:
            self._addresses = [address, *(a for a in self._addresses if a != address)]

    def _run(self, pending: "asyncio.Future[list[str]]") -> None:
        found: list[str] | OSError
        try:
            found = _checked(self._look_up(self._host, self._port))
        except OSError as error:
            found = error
        except UnicodeError:
            found = NotConnectable(errno.EINVAL, "the host is no valid name")
        with contextlib.suppress(RuntimeError):  # the loop has closed meanwhile
            self._loop.call_soon_threadsafe(_settle, pending, found)

    def _done(self, pending: "asyncio.Future[list[str]]") -> None:
        self._pending = None
        if not pending.cancelled() and pending.exception() is None:
            self._addresses = pending.result()
            self._found_s = self._clock_s()


def _settle(pending: "asyncio.Future[list[str]]", found: list[str] | OSError) -> None:
    if pending.done():
        return
    if isinstance(found, OSError):
        pending.set_exception(found)
    else:
        pending.set_result(found)


def _checked(addresses: list[str]) -> list[str]:
    if any(map(is_link_local, addresses)):
        raise NotConnectable(errno.EACCES, "link-local addresses are refused")
    if not addresses:
        raise NotConnectable(errno.ENOENT, "the name has no address")
    return addresses


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
