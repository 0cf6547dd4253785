"""Kept connections: which are given again, which are closed, and when."""

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import pytest

from tramontane.config import Origin, UpstreamSettings
from tramontane.errors import UpstreamFailed
from tramontane.gateway.flow import Flow
from tramontane.gateway.upstream import IDLE_MAX, LINGER_S, UpstreamConnection, UpstreamPool
from tramontane.wire.http import LAST_CHUNK, ResponseHead, chunk

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
SETTINGS = UpstreamSettings(pool_idle_s=50.0)


class Line:
    """A transport that keeps what was written, and the receiver of the answers."""

    def __init__(self, pool: UpstreamPool) -> None:
        self.written: list[bytes] = []
        self.aborted = False
        self.got: list[Any] = []
        self.connection = UpstreamConnection(pool)
        self.connection.connection_made(cast(asyncio.BaseTransport, self))

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def ask(self) -> None:
        self.connection.send(b"request", self)

    def answer(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.connection.data_received(piece)

    def answer_received(self, head: ResponseHead, body: bytes) -> None:
        self.got += [head.status, body, "end"]

    def head_received(self, head: ResponseHead) -> None:
        self.got.append(head.status)

    def body_received(self, payload: bytes, framed: bytes | None) -> None:
        self.got.append(payload)

    def answer_ended(self) -> None:
        self.got.append("end")

    def answer_failed(self, error: UpstreamFailed) -> None:
        self.got.append(error)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pool(clock: Clock) -> Iterator[UpstreamPool]:
    loop = asyncio.new_event_loop()
    yield UpstreamPool(loop, Origin(False, "127.0.0.1", 1, "/v1"), SETTINGS, clock_s=clock)
    loop.close()


def test_a_connection_whose_answer_ended_is_given_again(pool: UpstreamPool) -> None:
    line = Line(pool)
    for _ in range(3):
        line.ask()
        line.answer(WHOLE)
        assert pool.take_idle() is line.connection
    assert line.got == [200, b"{}", "end"] * 3
    assert not line.aborted


def test_a_connection_given_back_while_it_lingered_is_not_cut_by_the_sweep(
    pool: UpstreamPool, clock: Clock
) -> None:
    """Its next answer may take longer than any lingering."""
    line = Line(pool)
    line.ask()
    line.answer(HEAD, chunk(b"x"))
    pool.linger(line.connection)  # the answer is known to be whole, its last chunk is not here
    line.answer(LAST_CHUNK)
    connection = pool.take_idle()
    assert connection is line.connection
    line.ask()
    line.answer(HEAD, chunk(b"y"))
    clock.now_s += 10 * LINGER_S
    pool.sweep(clock.now_s)
    assert not line.aborted
    line.answer(chunk(b"z"), LAST_CHUNK)
    assert line.got == [200, b"x", "end", 200, b"y", b"z", "end"]
    assert pool.take_idle() is connection


def test_a_connection_that_lingers_too_long_is_closed(pool: UpstreamPool, clock: Clock) -> None:
    line = Line(pool)
    line.ask()
    line.answer(HEAD, chunk(b"x"))
    pool.linger(line.connection)
    clock.now_s += LINGER_S - 0.1
    pool.sweep(clock.now_s)
    assert not line.aborted
    clock.now_s += 0.2
    pool.sweep(clock.now_s)
    assert line.aborted
    assert line.got == [200, b"x"]
    assert pool.take_idle() is None


def test_the_latest_used_is_given_first_and_the_oldest_closed_first(
    pool: UpstreamPool, clock: Clock
) -> None:
    lines = [Line(pool) for _ in range(3)]
    for line in lines:
        line.ask()
        line.answer(WHOLE)
        clock.now_s += 20
    pool.sweep(clock.now_s)  # 60, 40 and 20 seconds idle
    assert [line.aborted for line in lines] == [True, False, False]
    assert pool.take_idle() is lines[2].connection
    assert pool.take_idle() is lines[1].connection
    assert pool.take_idle() is None


@pytest.mark.parametrize(
    "answer",
    [
        WHOLE + b"HTTP/1.1 200 OK\r\n",
        WHOLE.replace(b"content-length", b"connection: close\r\ncontent-length"),
        WHOLE.replace(b"HTTP/1.1", b"HTTP/1.0"),
        HEAD + chunk(b"x") + LAST_CHUNK + b"x",
    ],
)
def test_a_connection_is_not_kept_where_the_next_answer_could_be_anothers(
    pool: UpstreamPool, answer: bytes
) -> None:
    line = Line(pool)
    line.ask()
    line.answer(answer)
    assert line.got[0] == 200
    assert line.got[-1] == "end"
    assert line.aborted
    assert pool.take_idle() is None


def test_bytes_that_nobody_asked_for_close_a_kept_connection(pool: UpstreamPool) -> None:
    line = Line(pool)
    line.ask()
    line.answer(WHOLE)
    line.answer(WHOLE)
    assert line.aborted
    assert pool.take_idle() is None
    assert line.got == [200, b"{}", "end"]


def test_a_connection_that_the_peer_closed_is_not_given(pool: UpstreamPool) -> None:
    line = Line(pool)
    line.ask()
    line.answer(WHOLE)
    line.connection.connection_lost(None)
    assert pool.take_idle() is None


def test_nobody_is_told_of_an_answer_that_was_given_up(pool: UpstreamPool) -> None:
    line = Line(pool)
    line.ask()
    line.answer(HEAD)
    line.connection.detach()
    line.answer(chunk(b"x"))
    line.connection.connection_lost(None)
    assert line.got == [200]


def test_a_paused_connection_is_not_kept(pool: UpstreamPool) -> None:
    line = Line(pool)
    line.ask()
    line.answer(HEAD, chunk(b"x"))
    line.connection.pause()
    line.answer(LAST_CHUNK)  # was on its way already
    assert line.got[-1] == "end"
    assert pool.take_idle() is None


def test_there_is_a_most_of_kept_connections(pool: UpstreamPool) -> None:
    lines = [Line(pool) for _ in range(IDLE_MAX + 1)]
    for line in lines:
        line.ask()
        line.answer(WHOLE)
    assert [line.aborted for line in lines] == [False] * IDLE_MAX + [True]


def test_a_closed_pool_keeps_nothing_but_lets_answers_end(pool: UpstreamPool) -> None:
    kept, busy = Line(pool), Line(pool)
    kept.ask()
    kept.answer(WHOLE)
    busy.ask()
    busy.answer(HEAD)
    pool.close()
    assert (kept.aborted, busy.aborted) == (True, False)
    busy.answer(chunk(b"x"), LAST_CHUNK)
    assert busy.got == [200, b"x", "end"]
    assert busy.aborted


def test_a_closed_pool_lets_nothing_linger(pool: UpstreamPool) -> None:
    """Nobody sweeps it any more: a peer that never ends its framing would stay for ever."""
    lines = [Line(pool), Line(pool)]
    for line in lines:
        line.ask()
        line.answer(HEAD, chunk(b"x"))
    pool.linger(lines[0].connection)
    pool.close()
    pool.linger(lines[1].connection)
    assert all(line.aborted for line in lines)


def test_a_connection_that_nobody_waits_for_any_more_is_kept() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        accepted: list[asyncio.StreamWriter] = []
        server = await asyncio.start_server(lambda _, w: accepted.append(w), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        pool = UpstreamPool(
            loop, Origin(False, "127.0.0.1", port, "/v1"), SETTINGS, clock_s=loop.time
        )

        async def ask() -> None:
            await pool.connect()

        flow = Flow(ask(), lambda error: None)
        flow.start()
        flow.throw(RuntimeError("the client has left"))
        while (connection := pool.take_idle()) is None:
            await asyncio.sleep(0.01)
        connection.close()
        server.close()
        while not accepted:
            await asyncio.sleep(0.01)
        accepted[0].close()
        await accepted[0].wait_closed()

    asyncio.run(asyncio.wait_for(run(), 10))
