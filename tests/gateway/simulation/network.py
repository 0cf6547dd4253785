"""Connections as a hostile network makes them: cut anywhere, late, reset, half closed, stalled.

A `Link` has two `End`s, each a transport as uvloop's (tried against it: a write after
`connection_lost` raises, a reader that pauses is told of nothing, a peer's end of data closes once
what was written is out). What is written lies first in the writer's buffer, then, as far as it has
room, in the reader's inbox, which outlives the writer. It does not know HTTP.
"""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

from tests.gateway.simulation.clockwork import Clockwork, SimulatedLoop

INBOX_BYTES = (700, 5_000, 200_000)
HIGH_BYTES = (0, 500, 4_000, 65_536)
WRITES_WHILE_PAUSED_MOST = 3  # an error, or an end
LATENCIES_S = (0.0, 0.001, 0.01, 0.1)


class Link:
    """What both directions of one connection have in common."""

    __slots__ = (
        "cuts", "high_bytes", "inbox_bytes", "is_slow", "is_stalled", "latency_s", "tiny_reads",
    )  # fmt: skip

    def __init__(self, random: Random) -> None:
        self.latency_s = random.choice(LATENCIES_S)
        self.inbox_bytes = random.choice(INBOX_BYTES)
        self.high_bytes = random.choice(HIGH_BYTES)
        self.cuts = random.choice((0.0, 0.0, 0.1, 0.7))  # how often a read gets only a part
        self.tiny_reads = random.choice((0, 0, 0, 40))  # so many of a byte or two
        self.is_slow = self.latency_s >= 0.1 or self.tiny_reads > 0
        self.is_stalled = False


class End(asyncio.Transport):
    """One side of a connection."""

    def __init__(self, network: "Network", link: Link, loop: SimulatedLoop | None, name: str):
        super().__init__()
        self.name = name
        self.link = link
        self.loop = loop  # None: a peer's
        self.other: End
        self.protocol: Any = None
        self.delivered_bytes = 0  # to the protocol here, all that it has dealt with
        self.written_bytes = 0
        self.got_eof = False
        self.was_told = False  # of the connection's end
        self.is_lost = False  # `connection_lost` was called, or would have been
        self._network = network
        self._buffer = bytearray()
        self._inbox = bytearray()
        self._high_bytes = 65_536
        self._is_write_paused = False
        self._paused_step = 0
        self._writes_while_paused = 0  # in later callbacks than the one that caused the pause
        self._is_read_paused = False
        self._is_closing = False
        self._is_gone = False  # the descriptor is closed: a peer that writes is reset
        self._is_due = False  # a delivery is scheduled
        self._eof_to_write = False
        self._eof_written = False
        self._eof_to_read = False
        self._reset: OSError | None = None

    # --- as a transport --------------------------------------------------------------------------

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("192.0.2.1", 1) if name == "peername" else default

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high_bytes = 65_536 if high is None else high

    def get_write_buffer_size(self) -> int:
        return len(self._buffer)

    def is_closing(self) -> bool:
        return self._is_closing

    def can_write_eof(self) -> bool:
        return True

    def is_reading(self) -> bool:
        return not self._is_read_paused

    def write(self, data: Any) -> None:
        if self.is_lost:
            if self._is_dead():
                return
            raise RuntimeError("unable to perform operation; the handler is closed")
        if self._eof_to_write:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._is_gone or self._is_dead() or not data:
            return
        self.written_bytes += len(data)
        if self.other._is_gone:
            self._fail_soon(BrokenPipeError(32, "Broken pipe"))
            return
        if self._is_write_paused and self._network.clockwork.steps != self._paused_step:
            self._writes_while_paused += 1
            assert self.loop is None or self._writes_while_paused <= WRITES_WHILE_PAUSED_MOST, (
                f"{self.name} does not read, and is written to all the same"
            )
        self._buffer += data
        self._push()
        high_bytes = min(self._high_bytes, self.link.high_bytes)
        if len(self._buffer) > high_bytes and not self._is_write_paused:
            self._is_write_paused = True
            self._paused_step = self._network.clockwork.steps
            self.protocol.pause_writing()

    def write_eof(self) -> None:
        if self.is_lost and not self._is_dead():
            raise RuntimeError("unable to perform operation; the handler is closed")
        self._eof_to_write = True
        self._push()

    def pause_reading(self) -> None:
        self._is_read_paused = True

    def resume_reading(self) -> None:
        self._is_read_paused = False
        self._expect()

    def close(self) -> None:
        """Close once all is written."""
        if self._is_closing or self._is_dead():
            return
        self._is_closing = True
        if not self._buffer:
            self._let_go(None)
        elif self.other._is_gone:
            self._fail_soon(BrokenPipeError(32, "Broken pipe"))

    def abort(self) -> None:
        """Close now."""
        if not self._is_dead():
            self._is_closing = True
            self._let_go(None)

    def reset(self) -> None:
        """Close so that the other side is told of an error, as with SO_LINGER at nothing."""
        if not self._is_gone:
            self._buffer.clear()
            self._is_gone = self._is_closing = True
            self._tell_other_of_reset()
            self._lose_soon(None)

    # --- what happens to the bytes ---------------------------------------------------------------

    def _is_dead(self) -> bool:
        return self.loop is not None and self.loop.is_dead

    def _push(self) -> None:
        """Move what fits to the other side's inbox."""
        other = self.other
        room = self.link.inbox_bytes - len(other._inbox)
        if self._buffer and room > 0:
            other._inbox += self._buffer[:room]
            del self._buffer[:room]
            other._expect()
        if not self._buffer:
            if self._eof_to_write and not self._eof_written:
                self._eof_written = other._eof_to_read = True
                other._expect()
            if self._is_closing and not self._is_gone:
                self._let_go(None)

    def _expect(self) -> None:
        """Schedule a delivery, where there is something that would be noticed."""
        if self._is_due or self._is_read_paused or self._is_closing or self.link.is_stalled:
            return
        if self._inbox or self._eof_to_read or self._reset is not None:
            self._is_due = True
            delay_s = self.link.latency_s * self._network.random.random()
            self._network.clockwork.after(delay_s, self._deliver, loop=self.loop)

    def _deliver(self) -> None:
        self._is_due = False
        if self._is_read_paused or self._is_closing or self.link.is_stalled:
            return
        if self._inbox:
            data = bytes(self._inbox[: self._read_bytes()])
            del self._inbox[: len(data)]
            self.protocol.data_received(data)
            if self._is_dead():
                return
            self.delivered_bytes += len(data)
            self.other._pulled()
            self._expect()
        elif self._reset is not None:
            self._is_closing = self._is_gone = True
            self._lose(self._reset)
        elif self._eof_to_read and not self.got_eof:
            self.got_eof = True
            if not self.protocol.eof_received():
                self.close()

    def _read_bytes(self) -> int:
        link, random, size = self.link, self._network.random, len(self._inbox)
        if link.tiny_reads:
            link.tiny_reads -= 1
            return random.randint(1, 2)
        if link.cuts and random.random() < link.cuts:
            return random.randint(1, size)
        return size

    def _pulled(self) -> None:
        """The other side has read: there is room again."""
        if self._is_dead() or self._is_gone:
            return
        self._push()
        if self._is_write_paused and not self._buffer and not self.is_lost:
            self._is_write_paused = False
            self._writes_while_paused = 0
            self._network.clockwork.after(0, self._resume_writing, loop=self.loop)

    def _resume_writing(self) -> None:
        if not self.is_lost:
            self.protocol.resume_writing()

    def _let_go(self, error: OSError | None) -> None:
        """Close the descriptor; what the other side has sent and was not read makes it a reset."""
        if self._is_gone:
            return
        self._is_gone = True
        self._buffer.clear()
        self._tell_other()
        self._lose_soon(error)

    def _tell_other(self, resets: float = 0.0) -> None:
        """What was sent here and not read makes the end of the connection a reset."""
        if self._inbox or self.other._buffer or self._network.random.random() < resets:
            self._tell_other_of_reset()
        else:
            self.other._eof_to_read = True
            self.other._expect()

    def _tell_other_of_reset(self) -> None:
        other = self.other
        if other._is_gone:
            return
        if other._is_closing:  # it was still writing, and is told so
            other._fail_soon(ConnectionResetError(104, "Connection reset by peer"))
            return
        if self._network.random.random() < 0.5:
            del other._inbox[self._network.random.randint(0, len(other._inbox)) :]
        other._reset = ConnectionResetError(104, "Connection reset by peer")
        other._expect()

    def _fail_soon(self, error: OSError) -> None:
        self._is_gone = self._is_closing = True
        self._buffer.clear()
        self._lose_soon(error)

    def _lose_soon(self, error: OSError | None) -> None:
        self._network.clockwork.after(0, self._lose, error, loop=self.loop)

    def _lose(self, error: OSError | None) -> None:
        if self.is_lost:
            return
        self.is_lost = True
        self._network.ends.pop(self, None)
        self.protocol.connection_lost(error)
        if not self._is_dead():
            self.was_told = True

    def killed(self) -> None:
        """The process of this end was killed: the system closes what it had open."""
        self.is_lost = self._is_closing = True
        if self._is_gone:
            return
        self._is_gone = True
        self._buffer.clear()
        self._tell_other(resets=0.2)

    def stall(self) -> None:
        """Nothing arrives any more, on either side; nobody is told."""
        self.link.is_stalled = True


class Server:
    """Somebody who listens. `refuses` and `is_silent` may change at any time."""

    def __init__(self, accept: Callable[[End], Any]) -> None:
        self.accept = accept
        self.refuses = False
        self.is_silent = False


class Network:
    """Everybody who listens, and every connection of the gateway that is open."""

    def __init__(self, clockwork: Clockwork, random: Random) -> None:
        self.clockwork = clockwork
        self.random = random
        self.servers: dict[str, Server] = {}
        self.ends: dict[End, None] = {}  # the gateway's

    def connect(
        self,
        loop: SimulatedLoop,
        address: str,
        protocol_factory: Callable[[], Any],
        future: "asyncio.Future[Any]",
    ) -> None:
        """Connect the gateway to `address`, in a while; `future` gets transport and protocol."""
        delay_s = self.random.choice(LATENCIES_S) * self.random.random()
        self.clockwork.after(
            delay_s, self._connected, loop, address, protocol_factory, future, loop=loop
        )

    def _connected(
        self,
        loop: SimulatedLoop,
        address: str,
        protocol_factory: Callable[[], Any],
        future: "asyncio.Future[Any]",
    ) -> None:
        server = self.servers.get(address)
        if future.done() or (server is not None and server.is_silent):
            return
        if server is None or server.refuses:
            future.set_exception(ConnectionRefusedError(111, "Connection refused"))
            return
        ours, theirs = self.link(loop, address)
        ours.protocol = protocol_factory()
        theirs.protocol = server.accept(theirs)
        ours.protocol.connection_made(ours)
        theirs.protocol.connection_made(theirs)
        future.set_result((ours, ours.protocol))

    def link(self, loop: SimulatedLoop, name: str) -> tuple[End, End]:
        """Return the gateway's end and the peer's of a new connection."""
        link = Link(self.random)
        ours, theirs = End(self, link, loop, name), End(self, link, None, name)
        ours.other, theirs.other = theirs, ours
        self.ends[ours] = None
        return ours, theirs

    def kill(self, loop: SimulatedLoop) -> None:
        """The process of `loop` has ended."""
        for end in [end for end in self.ends if end.loop is loop]:
            end.killed()
            del self.ends[end]
