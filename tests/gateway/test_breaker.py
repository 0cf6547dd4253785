"""When a deployment is left alone, and how soon it is asked again."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tramontane.gateway.breaker import (
    COOLDOWN_MOST_S,
    COOLDOWN_S,
    FAILURES_LEAST,
    FORGOTTEN_S,
    LATEST,
    PROBE_S,
    Breaker,
)


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def made() -> tuple[Breaker, Clock]:
    clock = Clock()
    return Breaker(clock, lambda: 0.5), clock


def opened() -> tuple[Breaker, Clock]:
    breaker, clock = made()
    for _ in range(FAILURES_LEAST):
        breaker.failed("upstream_error")
    assert breaker.is_open and not breaker.may_ask()
    return breaker, clock


def test_a_few_failures_do_not_open_it() -> None:
    breaker, _ = made()
    for _ in range(FAILURES_LEAST - 1):
        breaker.failed("upstream_error")
    assert breaker.may_ask() and not breaker.is_open


def test_failures_among_successes_do_not_open_it() -> None:
    breaker, _ = made()
    for _ in range(50):
        breaker.passed()
        breaker.failed("upstream_error")
    assert not breaker.is_open


def test_a_sudden_end_shows_at_once_however_long_all_went_well() -> None:
    breaker, _ = made()
    for _ in range(10_000):
        breaker.passed()
    for _ in range(LATEST):
        breaker.failed("upstream_error")
    assert breaker.is_open


def test_an_answer_that_breaks_off_is_one_failure_and_no_success() -> None:
    breaker, _ = made()
    for n in range(FAILURES_LEAST):
        assert not breaker.is_open, n
        breaker.passed()
        breaker.failed("upstream_error", had_passed=True)
    assert breaker.is_open


def test_old_outcomes_are_forgotten() -> None:
    breaker, clock = made()
    for _ in range(100):
        breaker.passed()
    clock.now_s += FORGOTTEN_S + 1
    for _ in range(FAILURES_LEAST):
        breaker.failed("upstream_error")
    assert breaker.is_open


def test_one_request_at_a_time_probes_and_the_first_answer_closes_it() -> None:
    breaker, clock = opened()
    clock.now_s += 1.2 * COOLDOWN_S
    assert breaker.may_ask() and breaker.asked()
    assert not breaker.may_ask()  # one probe is under way
    breaker.passed()
    assert breaker.may_ask() and not breaker.is_open
    breaker.failed("upstream_error")
    assert not breaker.is_open  # what was before does not count any more


def test_a_probe_that_fails_opens_it_again_for_as_long() -> None:
    breaker, clock = opened()
    for _ in range(20):
        clock.now_s += 1.2 * COOLDOWN_S
        assert breaker.asked()
        breaker.failed("upstream_timeout")
        breaker.left()
        assert not breaker.may_ask() and breaker.opens_in_s() <= 1.2 * COOLDOWN_S
    assert breaker.cause == "upstream_timeout"


def test_a_probe_that_is_given_up_or_never_answered_keeps_nobody_out() -> None:
    breaker, clock = opened()
    clock.now_s += 1.2 * COOLDOWN_S
    breaker.asked()
    breaker.left()  # its client has left
    assert breaker.may_ask()
    breaker.asked()
    clock.now_s += PROBE_S
    assert breaker.may_ask()


def test_what_comes_late_of_requests_before_it_opened_changes_nothing() -> None:
    breaker, _ = opened()
    before_s = breaker.opens_in_s()
    breaker.passed()
    breaker.failed("upstream_error", retry_after_s=20)
    assert breaker.is_open and breaker.opens_in_s() == before_s


def test_the_time_that_a_provider_asks_for_is_kept_within_reason() -> None:
    for asked_s, least_s, most_s in ((5, 5, 6), (3_600, COOLDOWN_MOST_S, 1.2 * COOLDOWN_MOST_S)):
        breaker, _ = made()
        for _ in range(FAILURES_LEAST):
            breaker.failed("upstream_rate_limited", retry_after_s=asked_s)
        assert least_s <= breaker.opens_in_s() <= most_s


@settings(max_examples=40)
@given(st.lists(st.tuples(st.floats(0, 3), st.sampled_from(("pass", "fail")))))
def test_whatever_happens_it_can_be_asked_again_within_two_seconds(
    story: list[tuple[float, str]],
) -> None:
    breaker, clock = made()
    for later_s, outcome in story:
        clock.now_s += later_s
        if not breaker.may_ask():
            continue
        is_probe = breaker.asked()
        if outcome == "pass":
            breaker.passed()
            assert breaker.may_ask()
        else:
            breaker.failed("upstream_error")
        if is_probe:
            breaker.left()
        assert breaker.opens_in_s() < 2
