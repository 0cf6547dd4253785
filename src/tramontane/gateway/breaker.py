"""Whether a deployment is worth asking: a circuit breaker, pure over a clock in seconds.

Closed, requests pass and their outcomes are counted. When most of the latest failed, it opens, and
nobody is sent there for a moment. Then one request at a time tries (Nygard, Release It!, "Circuit
Breaker"): the first that is answered closes it. It does not know what a failure is.
"""

from collections.abc import Callable

FAILURES_LEAST = 5
FAILURES_SHARE = 0.75  # of the latest outcomes: below it, most are served, and may go on
AILING_SHARE = 0.25  # others come first, where nothing is left to make up for its failures
LATEST = 20  # requests, however many there are in a second: a sudden end shows at once
FORGOTTEN_S = 60.0  # without any outcome
COOLDOWN_S = 1.0
COOLDOWN_MOST_S = 30.0  # where the deployment itself has said when to come again
PROBE_S = 2.0  # a probe that has not been answered by then does not keep others from trying
_LATEST_BITS = (1 << LATEST) - 1


class Breaker:
    """The breaker of one deployment. `cause` is the code of the failure that opened it."""

    __slots__ = (
        "_clock_s", "_count", "_draw", "_failures", "_probed_s", "_seen_s", "_spared_s", "_until_s",
        "cause",
    )  # fmt: skip

    def __init__(self, clock_s: Callable[[], float], draw: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._draw = draw
        self._failures = 0  # of the latest outcomes a bit each, the last one lowest
        self._count = 0  # of outcomes
        self._seen_s = clock_s()
        self._spared_s = clock_s()  # when it was last asked although others do better
        self._until_s: float | None = None  # None: closed
        self._probed_s: float | None = None
        self.cause = ""

    @property
    def is_open(self) -> bool:
        """Whether it has opened, and no probe has closed it since."""
        return self._until_s is not None

    def may_ask(self) -> bool:
        """Return whether the next request may go there."""
        return self._until_s is None or self.opens_in_s() <= 0

    def opens_in_s(self) -> float:
        """Return in how many seconds a request may go there; 0: now."""
        if self._until_s is None:
            return 0.0
        until_s = self._until_s
        if self._probed_s is not None:
            until_s = max(until_s, self._probed_s + PROBE_S)
        return max(0.0, until_s - self._clock_s())

    def spares(self) -> bool:
        """Return whether others should be asked before: it fails often. Once a second it is asked
        all the same, to see whether it still does.
        """
        failed = self._failures.bit_count()
        if failed < FAILURES_LEAST or failed < AILING_SHARE * self._count:
            return False
        if self._clock_s() - self._spared_s < COOLDOWN_S:
            return True
        self._spared_s = self._clock_s()
        return False

    def asked(self) -> bool:
        """A request goes there. Returns whether it is the probe: then `left` is called at its
        end.
        """
        if self._until_s is None:
            return False
        self._probed_s = self._clock_s()
        return True

    def left(self) -> None:
        """The probe has ended, whatever came of it: another request may try."""
        self._probed_s = None

    def passed(self) -> None:
        """The deployment has answered, be it that the request is wrong."""
        if self._until_s is None:
            self._note(0)
        elif self._clock_s() >= self._until_s:
            self._until_s = self._probed_s = None
            self._failures = self._count = 0

    def failed(
        self, cause: str, retry_after_s: float | None = None, *, had_passed: bool = False
    ) -> None:
        """The deployment has failed; `retry_after_s` is when it said to come again. `had_passed`:
        it had begun to answer, which does not count then.
        """
        if self._until_s is None:
            if had_passed and self._count > self._failures.bit_count():
                self._count -= 1
            self._note(1)
            failed = self._failures.bit_count()
            if failed < FAILURES_LEAST or failed < FAILURES_SHARE * self._count:
                return
        elif self._clock_s() < self._until_s:
            return  # of a request that was under way when it opened
        pause_s = max(COOLDOWN_S, min(retry_after_s or 0.0, COOLDOWN_MOST_S))
        # Not all gateways at the same moment; never earlier than was asked for.
        pause_s *= 1.0 + 0.2 * self._draw()
        self._until_s = self._clock_s() + pause_s
        self._probed_s = None
        self.cause = cause

    def _note(self, failure: int) -> None:
        now_s = self._clock_s()
        if now_s - self._seen_s > FORGOTTEN_S:
            self._failures = self._count = 0
        self._seen_s = now_s
        self._failures = (self._failures << 1 | failure) & _LATEST_BITS
        self._count = min(self._count + 1, LATEST)
