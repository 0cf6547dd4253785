"""Time that passes only where somebody waits, and an event loop over it.

`Clockwork` runs callbacks in the order of their time (and of their scheduling, where that is the
same), so a schedule's order is decided by its seed alone. `SimulatedLoop` is as much of an asyncio
loop as the gateway uses. It does not know bytes: see `network`.
"""

import asyncio
import heapq
from collections.abc import Callable, Coroutine
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from tests.gateway.simulation.network import Network

T = TypeVar("T")


class Handle:
    """A callback that waits for its time, as asyncio's handles: `cancel` and `when`."""

    __slots__ = ("_args", "_callback", "_loop", "_when_s", "is_cancelled")

    def __init__(
        self,
        when_s: float,
        callback: Callable[..., Any],
        args: tuple[Any, ...],
        loop: "SimulatedLoop | None",
    ) -> None:
        self._when_s = when_s
        self._callback = callback
        self._args = args
        self._loop = loop
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True

    def cancelled(self) -> bool:
        return self.is_cancelled

    def when(self) -> float:
        return self._when_s

    def run(self) -> None:
        if self.is_cancelled or (self._loop is not None and self._loop.is_dead):
            return
        self._callback(*self._args)


class Clockwork:
    """What is to happen, and when. `now_s` is a clock that never goes back."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.steps = 0
        self._waiting: list[tuple[float, int, Handle]] = []
        self._numbers = count()

    def after(
        self,
        delay_s: float,
        callback: Callable[..., Any],
        *args: Any,
        loop: "SimulatedLoop | None" = None,
    ) -> Handle:
        """Call `callback` in `delay_s` seconds, unless `loop` is dead by then."""
        when_s = self.now_s + delay_s if delay_s > 0 else self.now_s
        handle = Handle(when_s, callback, args, loop)
        heapq.heappush(self._waiting, (when_s, next(self._numbers), handle))
        return handle

    def step(self) -> None:
        """Let the next callback run, at its time."""
        self.now_s, _, handle = heapq.heappop(self._waiting)
        self.steps += 1
        handle.run()


class SimulatedLoop:
    """The event loop of one process; what it was to do ends with it.

    Errors that no callback may have are raised where `check` is called.
    """

    def __init__(self, clockwork: Clockwork, network: "Network") -> None:
        self.is_dead = False
        self.problems: list[dict[str, Any]] = []
        self.on_job: Callable[[Callable[[], Any]], Callable[[], Any]] = lambda job: job
        self._clockwork = clockwork
        self._network = network
        self._tasks: dict[asyncio.Task[Any], None] = {}

    @property
    def as_loop(self) -> asyncio.AbstractEventLoop:
        """This, for those who ask for all that a loop can do."""
        return cast(asyncio.AbstractEventLoop, self)

    # --- what asyncio's own parts call ---------------------------------------------------------

    def time(self) -> float:
        return self._clockwork.now_s

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return self.is_dead

    def call_soon(self, callback: Any, *args: Any, context: Any = None) -> Any:
        return self._clockwork.after(0, callback, *args, loop=self)

    def call_later(self, delay: float, callback: Any, *args: Any, context: Any = None) -> Any:
        return self._clockwork.after(delay, callback, *args, loop=self)

    def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
        return self._clockwork.after(when - self.time(), callback, *args, loop=self)

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self.as_loop)

    def create_task(self, coro: Coroutine[Any, Any, T], **kwargs: Any) -> "asyncio.Task[T]":
        task = asyncio.Task(coro, loop=self.as_loop, **kwargs)
        self._tasks[task] = None
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.pop(task, None)

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        if not self.is_dead:
            self.problems.append(context)

    # --- what waits for others -------------------------------------------------------------------

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> "asyncio.Future[Any]":
        """Run `func` at some later moment, between two callbacks of this loop."""
        future = self.create_future()
        job = self.on_job(func)

        def run() -> None:
            if not future.done():
                result = job(*args)
                if not self.is_dead:
                    future.set_result(result)

        self._clockwork.after(self._network.random.random() * 0.05, run, loop=self)
        return future

    async def create_connection(self, protocol_factory: Any, *args: Any, **kwargs: Any) -> Any:
        """Connect to the simulated server at `host`, `port`; TLS is not simulated."""
        host, port = args
        return await self._connect(f"{host}:{port}", protocol_factory)

    async def create_unix_connection(
        self, protocol_factory: Any, path: Any = None, **kwargs: Any
    ) -> Any:
        """Connect to the simulated server at `path`."""
        return await self._connect(str(path), protocol_factory)

    async def _connect(self, address: str, protocol_factory: Any) -> Any:
        future = self.create_future()
        self._network.connect(self, address, protocol_factory, future)
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                future.result()[0].abort()  # it came in the very moment when nobody waited more
            raise

    # --- the end ---------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise what a callback or task has raised."""
        for context in self.problems:
            error = context.get("exception")
            raise AssertionError(f"in the loop: {context.get('message')}") from error

    def die(self) -> None:
        """The process has ended: nothing of it runs any more."""
        self.is_dead = True
        for task in list(self._tasks):
            coroutine = task.get_coro()
            with suppress(BaseException):  # what it says on the way out, nobody hears
                coroutine.close()
        self._tasks.clear()
