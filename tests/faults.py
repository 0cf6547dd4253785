"""A proxy between two parts of a test that spoils what passes, whatever dialect it is in.

It counts bytes and knows nothing of HTTP; faults that need to know it are the stand-in's. Each
connection suffers the next injury queued with `inject`, else the one given at the start.
"""

import asyncio
import random
import socket
import struct
from collections import deque
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

READ_BYTES = 65_536

Kind = Literal[
    "none", "refuse", "reset", "close", "black_hole", "drip", "split", "delay", "garbage"
]


@dataclass(frozen=True)
class Injury:
    """What happens to one connection once `after_bytes` of `direction` have passed unharmed.

    refuse      reset at once, before anything is read
    reset       both sides see a reset
    close       both sides see an end
    black_hole  nothing passes any more in this direction, nothing closes
    drip        `piece_bytes` at a time, `pause_s` apart
    split       pieces of random size up to `piece_bytes`, `pause_s` apart
    delay       one pause of `pause_s`
    garbage     `piece_bytes` random bytes come between
    """

    kind: Kind = "none"
    after_bytes: int = 0
    direction: Literal["response", "request"] = "response"
    piece_bytes: int = 1
    pause_s: float = 0.001


class FaultProxy:
    """Listens on loopback and forwards to `host`:`port`. `seed` fixes every random choice."""

    def __init__(
        self, port: int, injury: Injury = Injury(), *, host: str = "127.0.0.1", seed: int = 0
    ) -> None:
        self._target = (host, port)
        self._injury = injury
        self._queued: deque[Injury] = deque()
        self._random = random.Random(seed)
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0
        self.request_bytes = 0
        self.response_bytes = 0

    async def __aenter__(self) -> "FaultProxy":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        """The base address to give to whoever is to suffer, with /v1."""
        return f"http://127.0.0.1:{self.port}/v1"

    def inject(self, *injuries: Injury) -> None:
        """Queue `injuries` for the next connections, one each."""
        self._queued.extend(injuries)

    def cut(self) -> None:
        """Reset every open connection on both sides."""
        for writer in list(self._writers):
            _reset(writer)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        injury = self._queued.popleft() if self._queued else self._injury
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._writers.add(writer)
        try:
            if injury.kind == "refuse":
                _reset(writer)
            else:
                await self._forward(injury, reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # one side went away, or the test is over
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _forward(
        self, injury: Injury, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        up_reader, up_writer = await asyncio.open_connection(*self._target)
        self._writers.add(up_writer)
        request = _Lane(self, injury, "request", reader, up_writer)
        response = _Lane(self, injury, "response", up_reader, writer)
        request.other, response.other = response, request
        lanes = [asyncio.create_task(lane.run()) for lane in (request, response)]
        try:
            await asyncio.wait(lanes)
        finally:
            for lane in lanes:
                lane.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)
            self._writers.discard(up_writer)
            up_writer.close()

    def count(self, direction: str, size: int) -> None:
        """Note `size` bytes read in `direction`."""
        if direction == "request":
            self.request_bytes += size
        else:
            self.response_bytes += size

    def piece(self, injury: Injury) -> int:
        """Return the size of the next piece."""
        if injury.kind == "split":
            return self._random.randint(1, max(1, injury.piece_bytes))
        return max(1, injury.piece_bytes)

    def garbage(self, size: int) -> bytes:
        """Return `size` random bytes."""
        return self._random.randbytes(size)


class _Lane:
    """One direction of one connection."""

    other: "_Lane"

    def __init__(
        self,
        proxy: FaultProxy,
        injury: Injury,
        direction: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.proxy = proxy
        self.injury = injury if injury.direction == direction else Injury()
        self.direction = direction
        self.reader = reader
        self.writer = writer
        self.left = self.injury.after_bytes
        self.is_hurt = False

    async def run(self) -> None:
        while True:
            if self.injury.kind != "none" and not self.left and not self.is_hurt:
                await self.hurt()
            data = await self.reader.read(READ_BYTES)
            if not data:
                break
            self.proxy.count(self.direction, len(data))
            await self.forward(data)
        if self.writer.can_write_eof():
            self.writer.write_eof()

    async def forward(self, data: bytes) -> None:
        if self.injury.kind == "none":
            await self.send(data)
            return
        if self.left:
            passed, data = data[: self.left], data[self.left :]
            self.left -= len(passed)
            await self.send(passed)
        if not self.left and not self.is_hurt:
            await self.hurt()
        while data and self.injury.kind in ("drip", "split"):
            size = self.proxy.piece(self.injury)
            await self.send(data[:size])
            data = data[size:]
            await asyncio.sleep(self.injury.pause_s)
        if data and self.injury.kind != "black_hole":
            await self.send(data)

    async def hurt(self) -> None:
        self.is_hurt = True
        kind = self.injury.kind
        if kind == "reset":
            _reset(self.writer)
            _reset(self.other.writer)
            raise ConnectionResetError
        if kind == "close":
            self.writer.close()
            self.other.writer.close()
            raise ConnectionResetError
        if kind == "delay":
            await asyncio.sleep(self.injury.pause_s)
        if kind == "garbage":
            await self.send(self.proxy.garbage(self.injury.piece_bytes))

    async def send(self, data: bytes) -> None:
        if data:
            self.writer.write(data)
            await self.writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None and not writer.transport.is_closing():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
