"""Which deployment a request tries next, and whether it may try at all: pure over a clock.

A further attempt costs the upstreams as much as a first one, so that a storm of failures must not
become twice the storm: attempts after the first are a tenth of the requests of the latest minute,
or as many as a provider's sudden end may take. It does not know connections: it is told what became
of each attempt.
"""

from collections import deque
from collections.abc import Callable, Container

from tramontane.errors import (
    Overloaded,
    RateLimited,
    TramontaneError,
    Unavailable,
    UpstreamFailed,
    UpstreamTimeout,
)
from tramontane.gateway.breaker import Breaker
from tramontane.gateway.directory import Deployment
from tramontane.gateway.routing import Plan

BUDGET_SHARE = 0.1
RETRIES_LEAST = 10  # within the window, however few requests there were
FAILOVERS_LEAST = 100  # so many may have been under way when a provider went away
BUDGET_WINDOW_S = 60
PAUSE_S = 0.1  # before everything is tried again; twice as long each time
RETRY_AFTER_MOST_S = 2.0  # nobody is kept waiting for longer than that

TRY_NEXT = (UpstreamFailed, UpstreamTimeout, Overloaded, RateLimited, Unavailable)
"""What another deployment may do better."""
_PASSING = frozenset(("upstream_error", "upstream_overloaded", "upstream_rate_limited"))


class RetryBudget:
    """How many further attempts there may be: a share of the latest requests, counted by second."""

    __slots__ = ("_clock_s", "_seconds", "requests", "retries")

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._seconds: deque[list[int]] = deque()  # second, requests, further attempts
        self.requests = 0  # in the window
        self.retries = 0

    def asked(self) -> None:
        """A request begins."""
        self._now()[1] += 1
        self.requests += 1

    def is_spent(self, least: int) -> bool:
        """Whether no further attempt may be made just now."""
        return self.retries >= max(least, int(BUDGET_SHARE * self.requests))

    def take(self, least: int) -> bool:
        """Return whether one more attempt may be made, `least` or a share; if so it is counted."""
        now = self._now()
        if self.is_spent(least):
            return False
        now[2] += 1
        self.retries += 1
        return True

    def _now(self) -> list[int]:
        second = int(self._clock_s())
        seconds = self._seconds
        if seconds and seconds[-1][0] == second:
            return seconds[-1]
        while seconds and seconds[0][0] <= second - BUDGET_WINDOW_S:
            _, requests, retries = seconds.popleft()
            self.requests -= requests
            self.retries -= retries
        seconds.append([second, 0, 0])
        return seconds[-1]


class Attempts:
    """The attempts of one request."""

    __slots__ = (
        "_breaker", "_breakers", "_budget", "_clock_s", "_draw", "_ends_s", "_failure",
        "_has_answered", "_is_probe", "_left", "_plan", "_rounds",
    )  # fmt: skip

    def __init__(
        self,
        plan: Plan,
        breakers: Callable[[Deployment], Breaker | None],
        budget: RetryBudget,
        clock_s: Callable[[], float],
        draw: Callable[[], float],
    ) -> None:
        self._plan = plan
        self._breakers = breakers
        self._budget = budget
        self._clock_s = clock_s
        self._draw = draw
        self._ends_s = None if plan.deadline_s is None else clock_s() + plan.deadline_s
        self._left = list(plan.deployments)
        self._rounds = 0
        self._breaker: Breaker | None = None  # of the attempt under way
        self._is_probe = False
        self._has_answered = False
        self._failure: TramontaneError | None = None  # of the last attempt
        if plan.retries or len(self._left) > 1:  # else there is nothing to be counted
            budget.asked()
            if budget.is_spent(FAILOVERS_LEAST):
                self._left.sort(key=self._is_spared)  # stable: else the order is the route's

    def next(self) -> Deployment:
        """Return where to ask now. Raises what stands against every deployment that is left."""
        while self._left:
            deployment = self._left.pop(0)
            breaker = self._breakers(deployment)
            if breaker is None or breaker.may_ask():
                self._breaker = breaker
                self._has_answered = False
                self._is_probe = breaker is not None and breaker.asked()
                return deployment
        raise self._failure or self._all_open()

    def answered(self) -> None:
        """The deployment has begun to answer, be it that the request is wrong."""
        self._has_answered = True
        if self._breaker is not None:
            self._breaker.passed()

    def failed(self, error: TramontaneError) -> None:
        """The attempt has ended with `error`, which may be the deployment's doing."""
        self._failure = error
        if self._breaker is not None and _is_upstreams(error):
            self._breaker.failed(error.code, error.retry_after_s, had_passed=self._has_answered)

    def ended(self) -> None:
        """The attempt is over, whatever came of it."""
        if self._is_probe and self._breaker is not None:
            self._breaker.left()
        self._is_probe = False
        self._breaker = None

    def pause_s(self, error: TramontaneError, *, was_asked: bool) -> float | None:
        """Return after how many seconds to call `next`, None where `error` is the answer.

        `was_asked`: the request reached the deployment.
        """
        pause_s: float | None = 0.0
        if not any(self._may_ask(deployment) for deployment in self._left):
            pause_s = self._before_all_again_s(error)
        if pause_s is None:
            return None
        if self._ends_s is not None and self._clock_s() + pause_s >= self._ends_s:
            return None
        least = RETRIES_LEAST if pause_s else FAILOVERS_LEAST
        if was_asked and not self._budget.take(least):
            return None
        if pause_s:
            self._rounds += 1
            self._left = list(self._plan.deployments)
        return pause_s

    def within(self, limit_s: float) -> float:
        """Return `limit_s`, or as much of it as the deadline leaves."""
        if self._ends_s is None:
            return limit_s
        return min(limit_s, max(0.0, self._ends_s - self._clock_s()))

    def first_byte_s(self, limit_s: float) -> float:
        """Return how long this attempt may take to its first byte; `limit_s` unless routed."""
        return self.within(limit_s if self._plan.timeout_s is None else self._plan.timeout_s)

    def _is_spared(self, deployment: Deployment) -> bool:
        breaker = self._breakers(deployment)
        return breaker is not None and breaker.spares()

    def _may_ask(self, deployment: Deployment) -> bool:
        breaker = self._breakers(deployment)
        return breaker is None or breaker.may_ask()

    def _before_all_again_s(self, error: TramontaneError) -> float | None:
        """Return the pause before everything is tried again, None where it is not."""
        if self._rounds >= self._plan.retries or error.code not in _PASSING:
            return None
        pause_s = PAUSE_S * 2**self._rounds * (0.5 + self._draw())
        asked_s = error.retry_after_s or 0.0
        return None if asked_s > RETRY_AFTER_MOST_S else max(pause_s, asked_s)

    def _all_open(self) -> TramontaneError:
        """Return the refusal where nobody may be asked just now."""
        breakers = [self._breakers(each) for each in self._plan.deployments]
        soonest = min((b for b in breakers if b is not None), key=lambda b: b.opens_in_s())
        retry_after_s = max(0.1, soonest.opens_in_s())
        if soonest.cause == "upstream_rate_limited":
            return RateLimited(
                "The provider of this model is limiting our requests.",
                code="upstream_rate_limited",
                retry_after_s=retry_after_s,
            )
        return Unavailable(
            "What serves this model has failed too often just now; it is tried again in a moment.",
            code="circuit_open",
            retry_after_s=retry_after_s,
        )


class Resilience:
    """The breakers of all deployments and the retry budgets of all models."""

    def __init__(
        self,
        clock_s: Callable[[], float],
        draw: Callable[[], float],
        *,
        breaks_circuits: bool = True,
    ) -> None:
        self._clock_s = clock_s
        self._draw = draw
        self._breaks_circuits = breaks_circuits
        self._breakers: dict[str, Breaker] = {}
        self._budgets: dict[str, RetryBudget] = {}

    def attempts(self, plan: Plan, model: str) -> Attempts:
        """Return the attempts of a request for the public name `model`, which there is."""
        return Attempts(plan, self.breaker, self.budget(model), self._clock_s, self._draw)

    def budget(self, model: str) -> RetryBudget:
        """Return the retry budget of the public name `model`."""
        budget = self._budgets.get(model)
        if budget is None:
            budget = self._budgets[model] = RetryBudget(self._clock_s)
        return budget

    def breaker(self, deployment: Deployment) -> Breaker | None:
        """Return its breaker; None for an engine here, whose supervisor knows how it is."""
        if deployment.is_local or not self._breaks_circuits:
            return None
        breaker = self._breakers.get(deployment.name)
        if breaker is None:
            breaker = self._breakers[deployment.name] = Breaker(self._clock_s, self._draw)
        return breaker

    def forget(self, deployment: str) -> None:
        """It is another now: what was seen of it does not count any more."""
        self._breakers.pop(deployment, None)

    def take_over(self, deployments: Container[str], models: Container[str]) -> None:
        """Forget what there is no more."""
        self._breakers = {n: b for n, b in self._breakers.items() if n in deployments}
        self._budgets = {n: b for n, b in self._budgets.items() if n in models}

    @property
    def open_circuits(self) -> int:
        """How many deployments are not asked just now."""
        return sum(breaker.is_open for breaker in self._breakers.values())


def _is_upstreams(error: TramontaneError) -> bool:
    """Return whether it is the deployment that failed, rather than something here."""
    return isinstance(error, UpstreamFailed | UpstreamTimeout) or error.code in _PASSING
