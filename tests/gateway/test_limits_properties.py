"""Limits, whatever comes when: never more than they allow, and the wait that is told works."""

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tramontane.errors import RateLimited
from tramontane.gateway.directory import Principal
from tramontane.gateway.limits import Bucket, Limits
from tramontane.store.records import Key, Project

STEPS = st.floats(0, 90, allow_subnormal=False)


def principal(
    requests: int = 60, tokens: int = 6_000, key_id: str = "key_1", **of_key: Any
) -> Principal:
    project = Project(
        id="prj_1",
        name="alpha",
        requests_per_minute=requests,
        tokens_per_minute=tokens,
        created_at_ms=0,
    )
    key = Key(
        id=key_id,
        project_id="prj_1",
        name="k",
        prefix="tmt_x",
        digest=b"",
        created_at_ms=0,
        **of_key,
    )
    return Principal(key, project)


@settings(deadline=None)
@given(
    st.integers(1, 1_000_000),
    st.lists(st.tuples(STEPS, st.floats(-1_000, 100_000, allow_subnormal=False)), max_size=30),
)
def test_a_bucket_is_never_above_its_size_and_refills_evenly(
    per_minute: int, steps: list[tuple[float, float]]
) -> None:
    bucket = Bucket(per_minute, 0.0)
    now_s, expected = 0.0, float(per_minute)
    for step_s, amount in steps:
        now_s += step_s
        expected = min(per_minute, expected + step_s * per_minute / 60)
        assert bucket.refill(now_s) == pytest.approx(expected, abs=1e-3)
        bucket.take(amount)
        expected = min(per_minute, expected - amount)
        assert bucket.level <= per_minute


@given(st.integers(1, 10_000), STEPS, st.floats(0, 60))
def test_a_clock_set_back_takes_nothing_and_gives_nothing_twice(
    per_minute: int, now_s: float, back_s: float
) -> None:
    bucket = Bucket(per_minute, 0.0)
    bucket.refill(now_s)
    bucket.take(per_minute)
    level = bucket.level
    assert bucket.refill(now_s - back_s) == level
    assert bucket.refill(now_s) == level


@settings(deadline=None)
@given(
    st.integers(1, 600),
    st.integers(1, 20_000),
    st.lists(st.tuples(STEPS, st.integers(1, 30_000)), min_size=1, max_size=25),
)
def test_coming_back_when_told_works(
    requests: int, tokens: int, asks: list[tuple[float, int]]
) -> None:
    limits, who = Limits(), principal(requests, tokens)
    now_s = 100.0
    for step_s, amount in asks:
        now_s += step_s
        try:
            limits.admit(who, amount, now_s)
            continue
        except RateLimited as error:
            assert error.retry_after_s is not None
            wait_ms = math.ceil(error.retry_after_s * 1000)  # as the header says
        for _ in range(2):  # requests first, then tokens may be in the way
            now_s += wait_ms / 1000
            try:
                limits.admit(who, amount, now_s)
                break
            except RateLimited as error:
                assert error.code == "tokens_per_minute_exceeded"
                wait_ms = math.ceil((error.retry_after_s or 0) * 1000)
        else:
            raise AssertionError("it waited as told, and was refused")


@settings(deadline=None)
@given(st.integers(1, 120), st.lists(st.floats(0, 5, allow_subnormal=False), max_size=200))
def test_no_minute_sees_more_than_twice_the_limit_nor_the_long_run_more_than_it(
    per_minute: int, steps: list[float]
) -> None:
    """A full bucket and a minute's refill: what an even refill allows at most."""
    limits, who = Limits(), principal(per_minute, 1_000_000)
    now_s, admitted = 0.0, list[float]()
    for step_s in steps:
        now_s += step_s
        try:
            limits.admit(who, 1, now_s)
        except RateLimited:
            continue
        admitted.append(now_s)
    for start_s in admitted:
        inside = [at_s for at_s in admitted if start_s <= at_s < start_s + 60]
        assert len(inside) <= 2 * per_minute
    assert len(admitted) <= per_minute + now_s * per_minute / 60 + 1


@given(st.integers(1, 5_000), st.integers(0, 5_000), st.integers(0, 5_000))
def test_an_estimate_is_replaced_by_what_was_used(estimate: int, first: int, last: int) -> None:
    limits, who = Limits(), principal(tokens=10_000)
    admitted = limits.admit(who, estimate, 0.0)
    for used in (first, last):  # a second attempt at the same request
        admitted.reconcile(used)
        fields = admitted.fields().decode()
        assert f"x-ratelimit-remaining-tokens: {10_000 - used}\r\n" in fields


def test_the_narrower_limit_of_a_key_counts_beside_its_projects() -> None:
    limits = Limits()
    narrow = principal(requests=10, requests_per_minute=2, tokens_per_minute=50)
    wide = principal(requests=10, key_id="key_2")
    for _ in range(2):
        limits.admit(narrow, 5, 0.0)
    with pytest.raises(RateLimited, match="2 requests per minute"):
        limits.admit(narrow, 5, 0.0)
    for _ in range(8):
        limits.admit(wide, 5, 0.0)
    with pytest.raises(RateLimited, match="10 requests per minute"):
        limits.admit(wide, 5, 0.0)


def test_a_limit_of_zero_admits_nothing() -> None:
    for who in (principal(requests=0), principal(tokens=0)):
        for now_s in (0.0, 60.0):
            with pytest.raises(RateLimited):
                Limits().admit(who, 1, now_s)
