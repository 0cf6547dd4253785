"""Which deployment is next, for how long, and how many further attempts there may be."""

import random

import pytest

from tests.gateway.test_routing import NAMES, directory
from tramontane.errors import (
    Overloaded,
    RateLimited,
    TramontaneError,
    Unavailable,
    UpstreamFailed,
    UpstreamTimeout,
)
from tramontane.gateway.breaker import FAILURES_LEAST
from tramontane.gateway.retries import (
    FAILOVERS_LEAST,
    RETRIES_LEAST,
    Attempts,
    Resilience,
    RetryBudget,
)
from tramontane.gateway.routing import Plan


class World:
    """Deployments a to d, a clock, and what is known of them."""

    def __init__(self) -> None:
        self.now_s = 50.0
        self.deployments = directory({}).deployments
        self.resilience = Resilience(lambda: self.now_s, random.Random(7).random)

    def attempts(
        self, *names: str, retries: int = 0, timeout_s: float | None = None,
        deadline_s: float | None = None,
    ) -> Attempts:  # fmt: skip
        chosen = tuple(self.deployments[name] for name in names)
        return self.resilience.attempts(Plan(chosen, retries, timeout_s, deadline_s), "best")

    def fail(
        self, attempts: Attempts, error: TramontaneError, *, was_asked: bool = True
    ) -> float | None:
        attempts.failed(error)
        attempts.ended()
        return attempts.pause_s(error, was_asked=was_asked)

    def open_circuit(self, *names: str, code: str = "upstream_error") -> None:
        for name in names:
            breaker = self.resilience.breaker(self.deployments[name])
            assert breaker is not None
            for _ in range(FAILURES_LEAST):
                breaker.failed(code)


def failed() -> UpstreamFailed:
    return UpstreamFailed("status 500")


def test_the_next_one_is_tried_at_once_and_after_the_last_none() -> None:
    world = World()
    attempts = world.attempts("a", "b")
    assert attempts.next().name == "a"
    assert world.fail(attempts, failed()) == 0
    assert attempts.next().name == "b"
    assert world.fail(attempts, failed()) is None


def test_all_are_tried_again_after_a_pause_that_grows() -> None:
    world = World()
    attempts = world.attempts("a", "b", retries=2)
    seen, pauses = [], []
    while True:
        seen.append(attempts.next().name)
        pause_s = world.fail(attempts, failed())
        if pause_s is None:
            break
        pauses.append(pause_s)
    assert seen == ["a", "b"] * 3
    assert pauses[0] == pauses[2] == pauses[4] == 0
    assert 0.05 <= pauses[1] <= 0.15 and 0.1 <= pauses[3] <= 0.3


@pytest.mark.parametrize(
    "error",
    [
        Overloaded("the queue is full"),
        UpstreamTimeout("late"),
        UpstreamFailed("our key is wrong", code="upstream_refused"),
        RateLimited("slow down", code="upstream_rate_limited", retry_after_s=30),
        Unavailable("no disk", code="metering_unavailable"),
    ],
)
def test_what_a_moment_does_not_mend_is_not_tried_again(error: TramontaneError) -> None:
    world = World()
    attempts = world.attempts("a", retries=5)
    attempts.next()
    assert world.fail(attempts, error) is None


def test_a_short_time_that_the_provider_asks_for_is_waited() -> None:
    world = World()
    attempts = world.attempts("a", retries=1)
    attempts.next()
    error = RateLimited("slow down", code="upstream_rate_limited", retry_after_s=1.5)
    assert world.fail(attempts, error) == 1.5


def test_nothing_is_begun_after_the_deadline() -> None:
    world = World()
    attempts = world.attempts("a", "b", timeout_s=3, deadline_s=5)
    attempts.next()
    assert attempts.first_byte_s(300) == 3
    world.now_s += 4
    assert world.fail(attempts, UpstreamTimeout("late")) == 0
    attempts.next()
    assert attempts.first_byte_s(300) == 1 and attempts.within(60) == 1
    world.now_s += 1
    assert world.fail(attempts, failed()) is None


def test_who_has_failed_too_often_is_passed_over() -> None:
    world = World()
    world.open_circuit("a")
    attempts = world.attempts("a", "b")
    assert attempts.next().name == "b"
    assert world.fail(attempts, failed()) is None


def test_where_all_have_the_refusal_says_when_to_come_again() -> None:
    world = World()
    world.open_circuit("a", "b")
    with pytest.raises(Unavailable) as raised:
        world.attempts("a", "b").next()
    assert raised.value.code == "circuit_open"
    assert 1 <= (raised.value.retry_after_s or 0) <= 1.2
    world.open_circuit("c", code="upstream_rate_limited")
    with pytest.raises(RateLimited):
        world.attempts("c").next()


def test_a_circuit_closes_with_the_first_answer() -> None:
    world = World()
    world.open_circuit("a")
    world.now_s += 1.3
    assert world.resilience.open_circuits == 1
    attempts = world.attempts("a")
    attempts.next()
    attempts.answered()
    attempts.ended()
    assert world.resilience.open_circuits == 0


def test_what_is_set_up_anew_has_no_past() -> None:
    world = World()
    world.open_circuit(*NAMES)
    world.resilience.forget("a")
    world.resilience.take_over({"a", "b"}, {"best"})
    assert world.attempts("a").next().name == "a"
    assert world.resilience.open_circuits == 1


def test_further_attempts_are_a_tenth_of_the_requests_at_most() -> None:
    now_s = 0.0
    budget = RetryBudget(lambda: now_s)
    requests = retries = 0
    for second in range(300):
        now_s = float(second)
        for _ in range(40):
            budget.asked()
            requests += 1
            retries += budget.take(RETRIES_LEAST)
        assert retries <= 0.1 * requests + RETRIES_LEAST
    assert retries >= 0.09 * requests


def spent(world: World, attempts: Attempts, *, was_asked: bool = True) -> bool:
    """Return whether a failed attempt is the last one; the breakers forget it."""
    attempts.next()
    pause_s = world.fail(attempts, failed(), was_asked=was_asked)
    world.resilience.take_over((), ("best",))
    return pause_s is None


def test_one_that_reached_nobody_costs_nothing() -> None:
    world = World()
    for _ in range(2 * FAILOVERS_LEAST):
        assert not spent(world, world.attempts("a", "b"), was_asked=False)
    assert not spent(world, world.attempts("a", "b"))


def test_the_same_again_is_rarer_than_another_deployment() -> None:
    world = World()
    for n in range(2 * RETRIES_LEAST):
        assert spent(world, world.attempts("a", retries=1)) == (n >= RETRIES_LEAST)
    for n in range(RETRIES_LEAST, 2 * FAILOVERS_LEAST):
        assert spent(world, world.attempts("a", "b")) == (n >= FAILOVERS_LEAST)


def test_with_nothing_left_to_make_up_for_failures_who_does_better_comes_first() -> None:
    world = World()
    breaker = world.resilience.breaker(world.deployments["a"])
    assert breaker is not None
    for n in range(20):
        breaker.failed("upstream_error") if n % 3 == 0 else breaker.passed()
    assert world.attempts("a", "b").next().name == "a"
    budget = world.resilience.budget("best")
    while budget.take(FAILOVERS_LEAST):
        pass
    first = [world.attempts("a", "b").next().name for _ in range(5)]
    assert first == ["b"] * 5
    world.now_s += 1.1
    assert [world.attempts("a", "b").next().name for _ in range(3)] == ["a", "b", "b"]
