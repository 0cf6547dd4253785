"""Coroutines without tasks: a request's steps read from top to bottom and cost a callback.

`start` runs a coroutine at once, on the caller's stack; where it awaits a `Signal`, it goes on
inside the callback that resolves that signal. An `asyncio.Task` would cost about 4 µs and a turn
of the loop per request. It does not know timeouts or cancellation: throw into the flow instead.
"""

from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Signal(Generic[T]):
    """One value (or error) that one flow may await, given before or after it does."""

    __slots__ = ("_error", "_flow", "_is_set", "_value")

    def __init__(self) -> None:
        self._flow: Flow | None = None
        self._is_set = False
        self._error: BaseException | None = None
        self._value: T | None = None

    def __await__(self) -> Generator["Signal[T]", T, T]:
        if self._is_set:
            if self._error is not None:
                raise self._error
            return self._value  # type: ignore[return-value]
        return (yield self)

    @property
    def is_given(self) -> bool:
        """Whether the value, or an error, is known."""
        return self._is_set

    @property
    def is_awaited(self) -> bool:
        """Whether a flow waits for this now."""
        return self._flow is not None

    def resolve(self, value: T) -> None:
        """Give the value; a second one is ignored."""
        if self._is_set:
            return
        self._is_set = True
        self._value = value
        flow, self._flow = self._flow, None
        if flow is not None:
            flow._resume(value)

    def fail(self, error: BaseException) -> None:
        """Raise `error` where the flow awaits; ignored once a value was given."""
        if self._is_set:
            return
        self._is_set = True
        self._error = error
        flow, self._flow = self._flow, None
        if flow is not None:
            flow.throw(error)


class Flow:
    """A running coroutine that awaits nothing but signals."""

    __slots__ = ("_coroutine", "_on_crash", "_waiting_for", "running")

    def __init__(
        self, coroutine: Coroutine[Any, Any, None], on_crash: Callable[[Exception], None]
    ) -> None:
        self._coroutine: Coroutine[Any, Any, None] | None = coroutine
        self._on_crash: Callable[[Exception], None] | None = on_crash
        self._waiting_for: Signal[Any] | None = None
        self.running = False

    @property
    def is_done(self) -> bool:
        """True once the coroutine has returned or raised."""
        return self._coroutine is None

    def start(self) -> None:
        """Run to the first signal that is not yet given, or to the end."""
        self._resume(None)

    def _resume(self, value: Any) -> None:
        coroutine = self._coroutine
        if coroutine is None:
            return
        self._waiting_for = None
        self.running = True
        try:
            signal = coroutine.send(value)
        except StopIteration:
            self._finish(None)
        except Exception as error:  # noqa: BLE001 - the outer edge of a request
            self._finish(error)
        else:
            self._waiting_for = signal
            signal._flow = self
        finally:
            self.running = False

    def _finish(self, crash: Exception | None) -> None:
        on_crash = self._on_crash
        self._coroutine = self._on_crash = None  # leave no cycle for the collector
        if crash is not None and on_crash is not None:
            on_crash(crash)

    def throw(self, error: BaseException) -> bool:
        """Raise `error` where the flow awaits. Returns False where it cannot: done, or running."""
        coroutine = self._coroutine
        if coroutine is None or self.running:
            return False
        if self._waiting_for is not None:
            self._waiting_for._flow = None
            self._waiting_for = None
        self.running = True
        try:
            signal = coroutine.throw(error)
        except StopIteration:
            self._finish(None)
        except Exception as crash:  # noqa: BLE001 - the outer edge of a request
            self._finish(crash)
        else:
            self._waiting_for = signal
            signal._flow = self
        finally:
            self.running = False
        return True


async def pause(after: Callable[[float, Callable[[], None]], object], delay_s: float) -> None:
    """Go on in `delay_s` seconds; `after` calls something then."""
    signal: Signal[None] = Signal()
    after(delay_s, lambda: signal.resolve(None))
    await signal
