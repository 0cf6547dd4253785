"""Visitors of embeds: tokens, a few questions at a time, each and together."""

import pytest

from tramontane.errors import RateLimited
from tramontane.studio.visitors import (
    CLIENT_REFILL_S,
    MOST_ENTRIES,
    OF_CLIENT,
    OF_VISITOR,
    VISITOR_REFILL_S,
    Visitors,
)


class Clock:
    """A clock that stands still until it is told."""

    ms = 1_700_000_000_000

    def __call__(self) -> int:
        return self.ms


def asked(visitors: Visitors, visitor: str, client: str) -> bool:
    try:
        visitors.begin(visitor, client)
    except RateLimited:
        return False
    visitors.end(visitor)
    return True


def test_a_visitor_asks_a_few_questions_then_waits() -> None:
    clock = Clock()
    visitors = Visitors(b"pepper", clock)
    assert sum(asked(visitors, "v", "192.0.2.1") for _ in range(50)) == OF_VISITOR
    with pytest.raises(RateLimited) as caught:
        visitors.begin("v", "192.0.2.1")
    wait_s = caught.value.retry_after_s
    assert caught.value.code == "visitor_limit"
    assert wait_s is not None and 0 < wait_s <= VISITOR_REFILL_S
    clock.ms += round(wait_s * 1000)
    assert asked(visitors, "v", "192.0.2.1")
    assert not asked(visitors, "v", "192.0.2.1")


def test_many_tokens_behind_one_address_gain_little() -> None:
    clock = Clock()
    visitors = Visitors(b"pepper", clock)
    assert sum(asked(visitors, f"v{n}", "192.0.2.1") for n in range(500)) == OF_CLIENT
    assert sum(asked(visitors, f"w{n}", f"2001:db8::{n:x}") for n in range(500)) == OF_CLIENT
    assert asked(visitors, "other", "192.0.2.2")
    clock.ms += round(CLIENT_REFILL_S * 1000)
    assert asked(visitors, "late", "192.0.2.1")


def test_one_answer_at_a_time() -> None:
    clock = Clock()
    visitors = Visitors(b"pepper", clock)
    visitors.begin("v", "192.0.2.1")
    with pytest.raises(RateLimited):
        visitors.begin("v", "192.0.2.1")
    visitors.begin("w", "192.0.2.1")
    visitors.end("v")
    visitors.begin("v", "192.0.2.1")
    clock.ms += 301_000  # nobody told of its end
    visitors.begin("v", "192.0.2.1")


def test_memory_is_bounded_and_clocks_may_go_back() -> None:
    clock = Clock()
    visitors = Visitors(b"pepper", clock)
    for n in range(MOST_ENTRIES + 100):
        visitors.begin(f"v{n}", "")
    assert len(visitors._buckets) == len(visitors._answering) == MOST_ENTRIES
    clock.ms -= 3_600_000
    assert asked(visitors, "new", "192.0.2.9")
