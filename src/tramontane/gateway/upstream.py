"""Connections to engines and providers: pooled, verified, strict about where an answer ends.

An `UpstreamConnection` carries one request at a time for a `Receiver`, which gets the head, the
body's bytes as they come and the end. It does not know what the bytes mean.
"""

import asyncio
import errno
import os
import ssl
from collections.abc import Callable
from typing import Protocol, cast

from tramontane.config import Origin, UpstreamSettings
from tramontane.errors import UpstreamFailed, UpstreamTimeout
from tramontane.gateway.flow import Signal
from tramontane.gateway.resolve import LookUp, NotConnectable, Resolver, look_up
from tramontane.wire.http import ChunkDecoder, FramingError, ResponseHead, parse_response_head

LINGER_S = 3.0
INTERIM_MAX = 16
IDLE_MAX = 512


class Receiver(Protocol):
    """Who gets an answer: in one call where it came whole in one read, else head, body and end.

    `answer_failed` may end it at any time.
    """

    def answer_received(self, head: ResponseHead, body: bytes) -> None: ...
    def head_received(self, head: ResponseHead) -> None: ...
    def body_received(self, payload: bytes, framed: bytes | None) -> None: ...
    def answer_ended(self) -> None: ...
    def answer_failed(self, error: UpstreamFailed) -> None: ...


class UpstreamConnection(asyncio.Protocol):
    """One connection to one origin.

    `body_received(payload, framed)`: `framed` is the payload in its chunks, to be passed on
    untouched, where the read was nothing else; None otherwise.
    """

    __slots__ = (
        "_buffer", "_decoder", "_head", "_interim", "_is_head", "_left", "_pool", "_receiver",
        "_transport", "got_bytes", "idle_since_s", "is_closed", "is_paused", "is_write_paused",
        "owes_body", "write_paused",
    )  # fmt: skip

    def __init__(self, pool: "UpstreamPool") -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._receiver: Receiver | None = None
        self._buffer = b""
        self._head: ResponseHead | None = None
        self._decoder: ChunkDecoder | None = None
        self._left = 0
        self._interim = 0
        self.is_closed = False
        self.is_paused = False
        self.got_bytes = False
        self.idle_since_s = 0.0
        self.is_write_paused = False
        self.write_paused: Callable[[bool], None] | None = None
        self.owes_body = False  # the rest of a request: until it is sent, no other may follow
        self._is_head = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass

    def send(self, request: bytes, receiver: Receiver, *, is_head: bool = False) -> None:
        """Write a request; `receiver` gets its answer, which has no body where `is_head`."""
        assert self._transport is not None
        self._receiver = receiver
        self._buffer = b""
        self._head = None
        self._decoder = None
        self._interim = 0
        self._is_head = is_head
        self.got_bytes = False
        self._transport.write(request)

    def write(self, data: bytes) -> None:
        """Write more of the request's body."""
        if self._transport is not None and not self.is_closed:
            self._transport.write(data)

    def pause_writing(self) -> None:
        self.is_write_paused = True
        if self.write_paused is not None:
            self.write_paused(True)

    def resume_writing(self) -> None:
        self.is_write_paused = False
        if self.write_paused is not None:
            self.write_paused(False)

    @property
    def is_answering(self) -> bool:
        """Whether an answer is still being received."""
        return self._receiver is not None

    def detach(self) -> None:
        """Nobody wants the rest of the answer: close, and say nothing to the receiver."""
        self._receiver = None
        self.close()

    def close(self) -> None:
        """Close at once."""
        self.is_closed = True
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        """Read no more until `resume`: the client is slower than the upstream."""
        if self._receiver is None or self.is_closed:
            return  # nothing is being read that could wait
        if self._transport is not None and not self.is_paused:
            self.is_paused = True
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._transport is not None and self.is_paused and not self.is_closed:
            self.is_paused = False
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        receiver = self._receiver
        if receiver is None:
            self.close()  # bytes that nobody asked for
            return
        self.got_bytes = True
        try:
            if self._head is None:
                self._receive_head(data, receiver)
            elif self._decoder is not None:
                self._receive_chunked(data, receiver)
            else:
                self._receive_plain(data, receiver)
        except FramingError as error:
            self._fail(UpstreamFailed(f"The upstream broke its protocol: {error}."))

    def _receive_head(self, data: bytes, receiver: Receiver) -> None:
        data = self._buffer + data if self._buffer else data
        head = parse_response_head(data)
        while head is not None and head.status < 200:
            self._interim += 1
            if head.status == 101 or self._interim > INTERIM_MAX:
                raise FramingError("an upgrade, or interim answers, that nobody asked for")
            data = data[head.size :]
            head = parse_response_head(data)
        if head is None:
            self._buffer = data
            return
        rest = data[head.size :]
        self._buffer = b""
        self._head = head
        if head.length and head.length == len(rest) and not self._is_head:
            self._let_go(clean=True)
            receiver.answer_received(head, rest)
            return
        self._left = -1 if head.length is None else head.length
        if head.chunked:
            self._decoder = ChunkDecoder()
        receiver.head_received(head)
        if self._receiver is not receiver:
            return
        if head.length == 0 or self._is_head:
            self._end(clean=not rest)
        elif rest and self._decoder is not None:
            self._receive_chunked(rest, receiver)
        elif rest:
            self._receive_plain(rest, receiver)

    def _receive_chunked(self, data: bytes, receiver: Receiver) -> None:
        decoder = self._decoder
        assert decoder is not None
        whole = decoder.whole_chunks(data)
        if whole is not None:
            receiver.body_received(whole, data)
            return
        payload = decoder.feed(data)
        if payload:
            receiver.body_received(payload, None)
        if decoder.done and self._receiver is receiver:
            self._end(clean=not decoder.rest)

    def _receive_plain(self, data: bytes, receiver: Receiver) -> None:
        if self._left < 0:  # ends with the connection
            receiver.body_received(data, None)
            return
        take = min(self._left, len(data))
        self._left -= take
        receiver.body_received(data if take == len(data) else data[:take], None)
        if self._left == 0 and self._receiver is receiver:
            self._end(clean=take == len(data))

    def _end(self, *, clean: bool) -> None:
        receiver = self._receiver
        self._let_go(clean=clean)
        if receiver is not None:
            receiver.answer_ended()

    def _let_go(self, *, clean: bool) -> None:
        """The answer has ended: keep the connection for the next request, or close it."""
        self._receiver = None
        head = self._head
        reusable = clean and head is not None and head.keep_alive
        if reusable and not self.is_paused and not self.owes_body:
            self._pool.give_back(self)
        else:
            self.close()

    def _fail(self, error: UpstreamFailed) -> None:
        receiver, self._receiver = self._receiver, None
        self.close()
        if receiver is not None:
            receiver.answer_failed(error)

    def connection_lost(self, exc: Exception | None) -> None:
        was_until_close = self._head is not None and self._left < 0 and self._decoder is None
        self.is_closed = True
        self._pool.forget(self)
        receiver, self._receiver = self._receiver, None
        if receiver is None:
            return
        if was_until_close and exc is None:
            receiver.answer_ended()
        else:
            receiver.answer_failed(
                UpstreamFailed("The upstream closed the connection before its answer ended.")
            )


class UpstreamPool:
    """Idle connections to one origin (TCP, TLS, or a unix socket), latest used first."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        origin: Origin | None,
        settings: UpstreamSettings,
        *,
        ca_file: str | None = None,
        socket_path: str | None = None,
        clock_s: Callable[[], float],
        look_up: LookUp = look_up,
    ) -> None:
        self._loop = loop
        self._origin = origin
        self._settings = settings
        self._socket_path = socket_path
        self._clock_s = clock_s
        self._idle: list[UpstreamConnection] = []
        self._lingering: dict[UpstreamConnection, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self._resolver: Resolver | None = None
        self._tls: ssl.SSLContext | None = None
        self._problem: str | None = None
        if origin is not None:
            self._resolver = Resolver(loop, origin.host, origin.port, clock_s, look_up)
            if origin.tls:
                self._prepare_tls(ca_file or settings.ca_file)

    def _prepare_tls(self, ca_file: str | None) -> None:
        try:
            self._tls = ssl.create_default_context(cafile=ca_file)
        except OSError as error:  # this deployment's fault, not the gateway's
            self._problem = f"its ca_file cannot be used ({_reason(error)})"
        else:
            self._tls.set_alpn_protocols(["http/1.1"])

    def take_idle(self) -> UpstreamConnection | None:
        """Return a connection that was kept alive, None where there is none."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed:
                return connection
        return None

    def connect(self) -> Signal[UpstreamConnection]:
        """Open a connection; the signal fails with UpstreamFailed or UpstreamTimeout."""
        signal: Signal[UpstreamConnection] = Signal()
        task = self._loop.create_task(self._connect(signal))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return signal

    async def _connect(self, signal: Signal[UpstreamConnection]) -> None:
        try:
            async with asyncio.timeout(self._settings.connect_timeout_s):
                connection = await self._open()
        except TimeoutError:
            signal.fail(UpstreamTimeout("The upstream did not accept a connection in time."))
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", "") or error.reason or "handshake failed"
            signal.fail(UpstreamFailed(f"The upstream's TLS was refused: {reason}."))
        except OSError as error:
            signal.fail(UpstreamFailed(f"The upstream cannot be reached: {_reason(error)}."))
        else:
            if signal.is_awaited:
                signal.resolve(connection)
            else:  # whoever asked has left meanwhile
                self.give_back(connection)

    async def _open(self) -> UpstreamConnection:
        def protocol() -> UpstreamConnection:
            return UpstreamConnection(self)

        if self._socket_path is not None:
            _, connection = await self._loop.create_unix_connection(protocol, self._socket_path)
            return connection
        origin, resolver = self._origin, self._resolver
        assert origin is not None and resolver is not None
        if self._problem is not None:
            raise NotConnectable(errno.EINVAL, self._problem)
        addresses = await resolver.addresses()
        for address in addresses:
            try:
                async with asyncio.timeout(self._settings.connect_timeout_s / len(addresses)):
                    _, connection = await self._loop.create_connection(
                        protocol,
                        address,
                        origin.port,
                        ssl=self._tls,
                        server_hostname=origin.host if self._tls is not None else None,
                    )
            except OSError:  # TimeoutError and SSLError are
                if address == addresses[-1]:
                    raise
            else:
                resolver.prefer(address)
                return connection
        raise AssertionError("a resolver returns at least one address")

    def give_back(self, connection: UpstreamConnection) -> None:
        """Keep `connection` for the next request."""
        self._lingering.pop(connection, None)  # else a later answer would be cut short
        if self._is_closed or len(self._idle) >= IDLE_MAX:
            connection.close()
            return
        connection.idle_since_s = self._clock_s()
        self._idle.append(connection)

    def linger(self, connection: UpstreamConnection) -> None:
        """The answer is known to be whole; give its last framing a moment to arrive."""
        if self._is_closed:
            connection.detach()
        elif connection.is_answering:
            connection.idle_since_s = self._clock_s()
            self._lingering[connection] = None

    def forget(self, connection: UpstreamConnection) -> None:
        """Drop a lost connection."""
        if connection in self._idle:
            self._idle.remove(connection)

    def sweep(self, now_s: float) -> None:
        """Close what has been idle too long (peers close such connections as one writes)."""
        while self._idle and now_s - self._idle[0].idle_since_s > self._settings.pool_idle_s:
            self._idle.pop(0).close()
        for connection in self._lingering:
            if connection.is_answering and now_s - connection.idle_since_s > LINGER_S:
                connection.detach()
        self._lingering = {c: None for c in self._lingering if c.is_answering}

    def close(self) -> None:
        """Close every idle connection, and each of the others after its answer."""
        self._is_closed = True
        for connection in self._idle[:]:
            connection.close()
        for connection in self._lingering:
            connection.detach()  # nobody would come by for it any more
        self._idle.clear()
        self._lingering.clear()


def _reason(error: OSError) -> str:
    if not isinstance(error, ssl.SSLError | NotConnectable) and (error.errno or 0) > 0:
        return os.strerror(error.errno or 0)  # asyncio's own words name the address
    return error.strerror or str(error) or type(error).__name__
