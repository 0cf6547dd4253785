"""Names to addresses: off the loop, one look-up at a time, never link-local (SE6)."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest
import uvloop

from tramontane.config import Origin, UpstreamSettings
from tramontane.errors import UpstreamFailed, UpstreamTimeout
from tramontane.gateway.flow import Flow
from tramontane.gateway.resolve import KEPT_S, Resolver
from tramontane.gateway.upstream import UpstreamConnection, UpstreamPool

T = TypeVar("T")


class Names:
    """A name server of the test's: what it answers, and how often it was asked."""

    def __init__(self, *answers: list[str] | OSError) -> None:
        self._answers = list(answers)
        self.asked = 0
        self.may_answer = threading.Event()
        self.may_answer.set()

    def look_up(self, host: str, port: int) -> list[str]:
        """Answer as told; the last answer is for all further questions."""
        self.asked += 1
        answer = self._answers[min(self.asked, len(self._answers)) - 1]
        self.may_answer.wait(30)
        if isinstance(answer, OSError):
            raise answer
        return answer


def run(use: Callable[[asyncio.AbstractEventLoop], Awaitable[T]]) -> T:
    async def main() -> T:
        return await asyncio.wait_for(use(asyncio.get_running_loop()), 30)

    return uvloop.run(main())


def test_a_name_is_looked_up_once_for_many_and_again_when_it_is_old() -> None:
    names = Names(["192.0.2.1"], ["192.0.2.2"])
    now_s = 0.0

    async def use(loop: asyncio.AbstractEventLoop) -> None:
        nonlocal now_s
        resolver = Resolver(loop, "model.example", 443, lambda: now_s, names.look_up)
        found = await asyncio.gather(*(resolver.addresses() for _ in range(50)))
        assert found == [["192.0.2.1"]] * 50
        now_s = KEPT_S - 1
        assert await resolver.addresses() == ["192.0.2.1"]
        assert names.asked == 1
        now_s = KEPT_S + 1
        assert await resolver.addresses() == ["192.0.2.2"]

    run(use)


def test_who_gives_up_does_not_spoil_the_look_up_for_others() -> None:
    names = Names(["192.0.2.1"])
    names.may_answer.clear()

    async def use(loop: asyncio.AbstractEventLoop) -> None:
        resolver = Resolver(loop, "model.example", 443, loop.time, names.look_up)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await resolver.addresses()
        second = loop.create_task(resolver.addresses())
        await asyncio.sleep(0)
        names.may_answer.set()
        assert await second == ["192.0.2.1"]
        assert names.asked == 1

    run(use)


def test_an_unknown_name_is_asked_for_again() -> None:
    names = Names(OSError(-2, "Name or service not known"), ["192.0.2.1"])

    async def use(loop: asyncio.AbstractEventLoop) -> None:
        resolver = Resolver(loop, "model.example", 443, loop.time, names.look_up)
        with pytest.raises(OSError, match="not known"):
            await resolver.addresses()
        assert await resolver.addresses() == ["192.0.2.1"]

    run(use)


LINK_LOCAL = (
    "169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    "::ffff:169.254.169.254",
    "::ffff:a9fe:a9fe",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::",
    "::a9fe:a9fe",
)


@pytest.mark.parametrize("address", LINK_LOCAL)
def test_a_name_with_a_link_local_address_is_refused_whole(address: str) -> None:
    names = Names(["192.0.2.1", address])

    async def use(loop: asyncio.AbstractEventLoop) -> None:
        resolver = Resolver(loop, "model.example", 443, loop.time, names.look_up)
        with pytest.raises(OSError, match="link-local"):
            await resolver.addresses()

    run(use)


def test_a_name_that_turns_link_local_later_is_refused_then() -> None:
    names = Names(["192.0.2.1"], ["169.254.169.254"])
    now_s = 0.0

    async def use(loop: asyncio.AbstractEventLoop) -> None:
        nonlocal now_s
        resolver = Resolver(loop, "model.example", 443, lambda: now_s, names.look_up)
        assert await resolver.addresses() == ["192.0.2.1"]
        now_s = KEPT_S + 1
        with pytest.raises(OSError, match="link-local"):
            await resolver.addresses()

    run(use)


def pool(loop: asyncio.AbstractEventLoop, names: Names, port: int, **settings: Any) -> UpstreamPool:
    return UpstreamPool(
        loop,
        Origin(False, "model.example", port, ""),
        UpstreamSettings(**settings),
        clock_s=loop.time,
        look_up=names.look_up,
    )


async def listen() -> tuple[asyncio.Server, int, list[object]]:
    accepted: list[object] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(writer)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1], accepted


class Waiting:
    """Awaits a signal as a flow does, from a task."""

    def __init__(self, pool: UpstreamPool) -> None:
        self.done = asyncio.Event()
        self.connection: UpstreamConnection | None = None
        self.error: Exception | None = None
        self.flow = Flow(self._run(pool), self._crashed)
        self.flow.start()

    async def _run(self, pool: UpstreamPool) -> None:
        try:
            self.connection = await pool.connect()
        except (UpstreamFailed, UpstreamTimeout) as error:
            self.error = error
        self.done.set()

    def _crashed(self, error: Exception) -> None:
        raise error


def test_no_connection_is_made_to_a_link_local_address_that_a_name_has() -> None:
    async def use(loop: asyncio.AbstractEventLoop) -> None:
        server, port, accepted = await listen()
        waiting = Waiting(pool(loop, Names(["127.0.0.1", "169.254.169.254"]), port))
        await waiting.done.wait()
        assert isinstance(waiting.error, UpstreamFailed)
        assert "link-local" in waiting.error.message
        assert not accepted
        server.close()

    run(use)


def test_a_name_server_that_hangs_holds_up_only_its_own_deployment() -> None:
    hanging = [Names(["192.0.2.1"]) for _ in range(12)]
    for names in hanging:
        names.may_answer.clear()

    async def use(loop: asyncio.AbstractEventLoop) -> None:
        server, port, _ = await listen()
        stuck = [Waiting(pool(loop, n, port, connect_timeout_s=0.5)) for n in hanging]
        good = Waiting(pool(loop, Names(["127.0.0.1"]), port))
        await good.done.wait()
        assert good.connection is not None
        good.connection.close()
        for waiting in stuck:
            await waiting.done.wait()
            assert isinstance(waiting.error, UpstreamTimeout)
        server.close()

    run(use)
    for names in hanging:
        names.may_answer.set()


def test_the_next_address_is_tried_and_the_one_that_worked_comes_first_then() -> None:
    names = Names(["::1", "127.0.0.1"])

    async def use(loop: asyncio.AbstractEventLoop) -> None:
        server, port, _ = await listen()
        its_pool = pool(loop, names, port)
        for _ in range(2):
            waiting = Waiting(its_pool)
            await waiting.done.wait()
            assert waiting.connection is not None, waiting.error
            waiting.connection.close()
        assert names.asked == 1
        server.close()

    run(use)
