"""How long guesses wait, beside a slow, obvious count of them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tramontane.errors import RateLimited
from tramontane.studio import slowing
from tramontane.studio.slowing import Slowing

HOUR_MS = 3_600_000


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now_ms = 1_000_000_000

    def __call__(self) -> int:
        return self.now_ms


def guesses(slow: Slowing, clock: Clock, for_ms: int, email: str, client: str) -> int:
    """Return how many guesses somebody gets in who tries again as soon as they may."""
    counted, end_ms = 0, clock.now_ms + for_ms
    while clock.now_ms < end_ms:
        try:
            slow.begin(email, client)
            counted += 1
        except RateLimited as error:
            assert error.code == "slow_down"
            assert error.retry_after_s is not None and error.retry_after_s >= 1
            clock.now_ms += round(error.retry_after_s * 1000)
    return counted


def test_one_account_is_guessed_a_few_hundred_times_a_day() -> None:
    clock = Clock()
    slow = Slowing(clock)
    assert guesses(slow, clock, 24 * HOUR_MS, "ada@example.org", "10.0.0.1") < 310


def test_one_client_guesses_few_times_over_many_accounts() -> None:
    clock = Clock()
    slow = Slowing(clock)
    counted, end_ms = 0, clock.now_ms + HOUR_MS
    while clock.now_ms < end_ms:
        try:
            slow.begin(f"{counted}@example.org", f"2001:db8::{counted % 9}")
            counted += 1
        except RateLimited as error:
            clock.now_ms += round((error.retry_after_s or 0) * 1000)
    assert 400 < counted < 470


def test_a_good_try_takes_back_what_it_counted() -> None:
    clock = Clock()
    slow = Slowing(clock)
    for _ in range(1000):
        slow.begin("ada@example.org", "10.0.0.1")
        slow.succeeded("ada@example.org", "10.0.0.1")


def test_this_machine_is_slowed_by_account_only() -> None:
    slow = Slowing(Clock())
    for number in range(1000):
        slow.begin(f"{number}@example.org", "127.0.0.1")


def test_it_forgets_after_a_day() -> None:
    clock = Clock()
    slow = Slowing(clock)
    for _ in range(6):
        slow.begin("ada@example.org", "10.0.0.1")
    with pytest.raises(RateLimited):
        slow.begin("ada@example.org", "10.0.0.2")
    clock.now_ms += 24 * HOUR_MS
    for _ in range(6):
        slow.begin("ada@example.org", "10.0.0.1")


def test_it_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slowing, "MOST_ENTRIES", 50)
    slow = Slowing(Clock())
    for number in range(500):
        slow.begin(str(number) + "x" * 100_000, f"10.0.{number // 250}.{number % 250}")
        slow.begin(f"{number}", f"10.1.{number // 250}.{number % 250}")
    assert len(slow._accounts) <= 50 and len(slow._clients) <= 50
    assert all(len(name) <= 256 for name in slow._accounts)


@given(st.lists(st.integers(0, 400_000), max_size=40))
def test_no_more_guesses_than_the_waits_allow(pauses_ms: list[int]) -> None:
    clock = Clock()
    slow = Slowing(clock)
    let_in: list[int] = []
    for pause_ms in pauses_ms:
        clock.now_ms += pause_ms
        try:
            slow.begin("ada@example.org", "10.0.0.1")
        except RateLimited:
            continue
        let_in.append(clock.now_ms)
    gaps = [after - before for before, after in pairwise(let_in)]
    for number, gap in enumerate(gaps[5:]):
        assert gap >= min(1000 * 2**number, 300_000)
