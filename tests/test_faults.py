"""The fault proxy hurts as it says, and nothing else."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults import FaultProxy, Injury

ANSWER = bytes(range(256)) * 40


async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send ANSWER for every line, until the end."""
    try:
        while await reader.readline():
            writer.write(ANSWER)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def ask(port: int) -> tuple[bytes, bool]:
    """Return what one line was answered, and whether a reset ended it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    data = b""
    try:
        writer.write(b"x" * 99 + b"\n")
        while len(data) < len(ANSWER):
            piece = await asyncio.wait_for(reader.read(1 << 16), 0.2)
            if not piece:
                break
            data += piece
    except ConnectionResetError:
        return data, True
    except TimeoutError:
        return data + b"...", False
    finally:
        writer.close()
    return data, False


def through(injury: Injury, use: Callable[[FaultProxy], Awaitable[object]]) -> None:
    async def run() -> None:
        server = await asyncio.start_server(answering, "127.0.0.1", 0)
        try:
            async with FaultProxy(server.sockets[0].getsockname()[1], injury) as proxy:
                await use(proxy)
        finally:
            server.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("injury", "expected", "is_reset"),
    [
        (Injury(), ANSWER, False),
        (Injury("refuse"), b"", True),
        (Injury("reset"), b"", True),
        (Injury("reset", after_bytes=100), ANSWER[:100], True),
        (Injury("close", after_bytes=100), ANSWER[:100], False),
        (Injury("black_hole", after_bytes=100), ANSWER[:100] + b"...", False),
        (Injury("black_hole", 10, "request"), b"...", False),
        (Injury("drip", piece_bytes=2_000), ANSWER, False),
        (Injury("split", piece_bytes=2_000), ANSWER, False),
        (Injury("delay", after_bytes=5, pause_s=0.05), ANSWER, False),
    ],
    ids=str,
)
def test_each_injury(injury: Injury, expected: bytes, is_reset: bool) -> None:
    async def use(proxy: FaultProxy) -> None:
        assert await ask(proxy.port) == (expected, is_reset)
        assert proxy.connections == 1

    through(injury, use)


def test_garbage_comes_between() -> None:
    async def use(proxy: FaultProxy) -> None:
        data, _ = await ask(proxy.port)
        assert data[:7] == ANSWER[:7]
        assert data[12:] == ANSWER[7 : len(data) - 5]

    through(Injury("garbage", after_bytes=7, piece_bytes=5), use)


def test_injuries_queue() -> None:
    async def use(proxy: FaultProxy) -> None:
        proxy.inject(Injury("refuse"), Injury("close", after_bytes=3))
        assert await ask(proxy.port) == (b"", True)
        assert await ask(proxy.port) == (ANSWER[:3], False)
        assert await ask(proxy.port) == (ANSWER, False)
        assert proxy.connections == 3
        assert proxy.request_bytes == 200

    through(Injury(), use)


def test_cut_resets_what_is_open() -> None:
    async def use(proxy: FaultProxy) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writer.write(b"x\n")
        await reader.readexactly(len(ANSWER))
        proxy.cut()
        with pytest.raises(ConnectionResetError):
            await reader.read(1)
        writer.close()

    through(Injury(), use)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 3), st.integers(0, 11_000), st.integers(500, 5_000))
def test_any_split_keeps_the_bytes(kind: int, after_bytes: int, piece_bytes: int) -> None:
    name = ("none", "drip", "split", "delay")[kind]

    async def use(proxy: FaultProxy) -> None:
        assert await ask(proxy.port) == (ANSWER, False)

    through(Injury(name, after_bytes, piece_bytes=piece_bytes), use)  # type: ignore[arg-type]
