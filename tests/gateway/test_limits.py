"""Requests and tokens per minute, over a clock of the test's."""

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tramontane.errors import RateLimited
from tramontane.gateway.directory import Principal
from tramontane.gateway.limits import Limits
from tramontane.store.records import Key, Project


def principal(
    project: tuple[int, int] = (1_000, 400_000), key: tuple[int | None, int | None] = (None, None)
) -> Principal:
    """Return a principal with these requests and tokens per minute."""
    plain: dict[str, Any] = {"id": "p", "name": "p", "created_at_ms": 0}
    limits = {"requests_per_minute": project[0], "tokens_per_minute": project[1]}
    its_project = msgspec.convert({**plain, **limits}, Project)
    its_key = Key(
        id="k",
        project_id="p",
        name="k",
        prefix="tmt_k",
        digest=b"k",
        rights=("infer",),
        allowed_models=None,
        requests_per_minute=key[0],
        tokens_per_minute=key[1],
        created_at_ms=0,
        expires_at_ms=None,
        revoked_at_ms=None,
    )
    return Principal(its_key, its_project)


def refused(limits: Limits, who: Principal, tokens: int, now_s: float) -> RateLimited:
    with pytest.raises(RateLimited) as caught:
        limits.admit(who, tokens, now_s)
    return caught.value


def shown(fields: bytes) -> dict[str, str]:
    lines = fields.decode().split("\r\n")
    return {
        name.removeprefix("x-ratelimit-"): value
        for name, _, value in (line.partition(": ") for line in lines if line)
    }


def test_a_minutes_requests_may_come_at_once_and_no_more() -> None:
    limits, who = Limits(), principal(project=(3, 1_000))
    for _ in range(3):
        limits.admit(who, 1, 0.0)
    error = refused(limits, who, 1, 0.0)
    assert error.code == "requests_per_minute_exceeded"
    assert error.retry_after_s == pytest.approx(20, abs=0.01)
    limits.admit(who, 1, 20.01)


def test_a_refused_request_takes_nothing() -> None:
    limits, who = Limits(), principal(project=(2, 1_000))
    limits.admit(who, 900, 0.0)
    for _ in range(100):
        refused(limits, who, 200, 0.0)
    limits.admit(who, 100, 0.0)


def test_the_longest_wait_of_all_limits_is_told() -> None:
    limits, who = Limits(), principal(project=(60, 600), key=(6, 6_000))
    for _ in range(6):
        limits.admit(who, 100, 0.0)
    error = refused(limits, who, 600, 0.0)
    assert error.code == "tokens_per_minute_exceeded"
    assert error.retry_after_s == pytest.approx(60, abs=0.01)


def test_a_request_above_a_whole_minute_waits_for_a_full_bucket_only() -> None:
    limits, who = Limits(), principal(project=(100, 600))
    limits.admit(who, 10, 0.0)
    error = refused(limits, who, 5_000, 0.0)
    assert error.retry_after_s is not None
    limits.admit(who, 5_000, error.retry_after_s)
    assert refused(limits, who, 1, error.retry_after_s).retry_after_s == pytest.approx(440, abs=1)


def test_what_an_estimate_took_too_much_is_given_back() -> None:
    limits, who = Limits(), principal(project=(100, 1_000))
    limits.admit(who, 1_000, 0.0).reconcile(10)
    limits.admit(who, 990, 0.0)
    refused(limits, who, 1, 0.0)


def test_levels_survive_a_change_of_the_directory_and_a_changed_limit_counts_at_once() -> None:
    limits = Limits()
    for _ in range(10):
        limits.admit(principal(project=(10, 1_000)), 1, 0.0)
    limits.take_over([principal(project=(10, 1_000))])
    refused(limits, principal(project=(10, 1_000)), 1, 0.0)
    limits.take_over([principal(project=(11, 1_000))])
    limits.admit(principal(project=(11, 1_000)), 1, 0.0)
    refused(limits, principal(project=(11, 1_000)), 1, 0.0)


def test_a_request_begun_before_a_limit_was_lowered_does_not_bring_it_back() -> None:
    limits, before, now = Limits(), principal(project=(100, 1_000)), principal(project=(5, 1_000))
    limits.admit(before, 1, 0.0)
    limits.take_over([now])
    limits.admit(before, 1, 0.0)
    assert shown(limits.admit(now, 1, 0.0).fields())["limit-requests"] == "5"


def test_fields_tell_of_the_limit_that_binds() -> None:
    limits, who = Limits(), principal(project=(5, 10_000), key=(100, 200))
    told = shown(limits.admit(who, 150, 0.0).fields())
    assert told["limit-requests"] == "5"
    assert told["remaining-requests"] == "4"
    assert told["limit-tokens"] == "200"
    assert told["remaining-tokens"] == "50"
    assert told["reset-tokens"] == "45s"
    assert told == shown(limits.fields(who, 0.0))
    assert shown(limits.fields(who, 15.0))["remaining-tokens"] == "100"


def test_the_reset_is_written_as_clients_read_it() -> None:
    limits, who = Limits(), principal(project=(60_000, 1))
    told = shown(limits.admit(who, 2, 0.0).fields())
    assert told["reset-requests"] == "1ms"
    assert told["reset-tokens"] == "2m0s"
    assert told["remaining-tokens"] == "0"


def test_a_limit_of_nothing_refuses_everything() -> None:
    assert refused(Limits(), principal(project=(0, 10)), 1, 0.0).retry_after_s


rates = st.integers(1, 100_000)
asked = st.lists(st.tuples(st.integers(0, 300_000), st.floats(0, 30)), min_size=1, max_size=30)


@given(rates, rates, st.none() | rates, asked, st.floats(0, 1e6))
@settings(deadline=None)
def test_whoever_waits_as_told_is_admitted(
    requests: int, tokens: int, of_key: int | None, asked: list[tuple[int, float]], start_s: float
) -> None:
    limits, who = Limits(), principal(project=(requests, tokens), key=(of_key, of_key))
    now_s = start_s
    for amount, pause_s in asked:
        now_s += pause_s
        try:
            limits.admit(who, amount, now_s)
        except RateLimited as error:
            assert error.retry_after_s is not None
            assert error.retry_after_s > 0
            now_s += error.retry_after_s
            limits.admit(who, amount, now_s)
        for value in shown(limits.fields(who, now_s)).values():
            assert re.fullmatch(r"\d+|\d+ms|\d+(\.\d+)?s|\d+m\d+s", value), value
