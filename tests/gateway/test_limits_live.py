"""Requests and tokens per minute as a client meets them: told, waited for, obeyed."""

import time
from collections.abc import Iterator

import pytest

from tests.processes import RunningStandin
from tests.running import Reply, RunningGateway, run_gateway


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, standin: RunningStandin
) -> Iterator[RunningGateway]:
    """Yield a gateway before it."""
    folder = tmp_path_factory.mktemp("limits") / "data"
    with run_gateway(folder, standin.url) as running:
        yield running


def key_with(
    gateway: RunningGateway, name: str, *, requests: int = 10_000, tokens: int = 1_000_000
) -> str:
    """Return a key of a project of its own with these limits per minute."""
    project = gateway.add_project(name, requests_per_minute=requests, tokens_per_minute=tokens)
    key = gateway.add_key(project)
    gateway.until_seen(key)
    return key


def ratelimits(reply: Reply) -> dict[str, str]:
    found = {k: v for k, v in reply.fields.items() if k.startswith("x-ratelimit-")}
    kinds = [
        f"{what}-{of}" for what in ("limit", "remaining", "reset") for of in ("requests", "tokens")
    ]
    assert sorted(found) == sorted(f"x-ratelimit-{kind}" for kind in kinds)
    return {name.removeprefix("x-ratelimit-"): value for name, value in found.items()}


@pytest.mark.parametrize("stream", [False, True])
def test_every_answer_tells_what_is_left(gateway: RunningGateway, stream: bool) -> None:
    key = key_with(gateway, f"told-{stream}".lower(), requests=100, tokens=5_000)
    for left in (99, 98):
        told = ratelimits(gateway.chat(key=key, stream=stream, max_tokens=20))
        assert told["limit-requests"] == "100"
        assert left <= int(told["remaining-requests"]) <= 99
        assert told["limit-tokens"] == "5000"
        assert 4_000 < int(told["remaining-tokens"]) < 5_000
        assert told["reset-requests"].endswith("s")


def test_the_request_too_many_is_refused_and_served_after_the_time_told(
    gateway: RunningGateway, standin: RunningStandin
) -> None:
    key = key_with(gateway, "counted", requests=60)
    before = len(standin.requests)
    statuses = []
    while (reply := gateway.chat(key=key)).status == 200:
        statuses.append(reply.status)
        assert len(statuses) < 100
    assert len(statuses) >= 60
    assert (reply.status, reply.code) == (429, "requests_per_minute_exceeded")
    assert reply.fields["retry-after"] == "1"
    assert ratelimits(reply)["remaining-requests"] == "0"
    assert len(standin.requests) - before == len(statuses)
    time.sleep(int(reply.fields["retry-after-ms"]) / 1000)
    assert gateway.chat(key=key).status == 200


def test_a_client_that_obeys_succeeds_each_time(gateway: RunningGateway) -> None:
    key = key_with(gateway, "obedient", requests=60)
    sent = 0
    while (reply := gateway.chat(key=key)).status == 200:
        sent += 1
        assert sent < 300
    for _ in range(3):
        assert reply.status == 429
        time.sleep(int(reply.fields["retry-after-ms"]) / 1000)
        assert gateway.chat(key=key).status == 200
        while (reply := gateway.chat(key=key)).status == 200:
            sent += 1
            assert sent < 300


def test_tokens_are_counted_as_they_were_used(gateway: RunningGateway) -> None:
    key = key_with(gateway, "tokens", tokens=6_000)
    used = 0
    while (reply := gateway.chat("[[standin tokens=300]]", key=key, max_tokens=300)).status == 200:
        used += reply.json["usage"]["total_tokens"]
        assert used < 20_000
    assert (reply.status, reply.code) == (429, "tokens_per_minute_exceeded")
    assert used > 5_000
    assert int(reply.fields["retry-after"]) >= 1
    assert int(ratelimits(reply)["remaining-tokens"]) < 1_000


def test_a_request_that_asks_for_too_much_at_once_waits_its_turn(gateway: RunningGateway) -> None:
    key = key_with(gateway, "greedy", tokens=1_000)
    assert gateway.chat(key=key, max_tokens=50_000).status == 200
    reply = gateway.chat(key=key, max_tokens=50_000)
    assert (reply.status, reply.code) == (429, "tokens_per_minute_exceeded")
    assert 1 <= int(reply.fields["retry-after"]) <= 60


def test_a_key_has_limits_of_its_own_within_its_project(gateway: RunningGateway) -> None:
    project = gateway.add_project("shared", requests_per_minute=1_000)
    narrow = gateway.add_key(project, "narrow", requests_per_minute=5)
    wide = gateway.add_key(project, "wide")
    gateway.until_seen(wide)
    statuses = [gateway.chat(key=narrow).status for _ in range(8)]
    assert statuses[:5] == [200] * 5
    assert 429 in statuses[5:]
    assert gateway.chat(key=wide).status == 200


def test_keys_of_one_project_share_its_limit(gateway: RunningGateway) -> None:
    project = gateway.add_project("common", requests_per_minute=6)
    keys = [gateway.add_key(project, f"k{i}") for i in range(4)]
    gateway.until_seen(keys[-1])
    statuses = [gateway.chat(key=key).status for key in keys for _ in range(3)]
    assert 6 <= statuses.count(200) <= 7


def test_a_refusal_is_not_billed(gateway: RunningGateway, standin: RunningStandin) -> None:
    key = key_with(gateway, "unbilled", requests=1)
    assert gateway.chat(key=key).status == 200
    before = len(standin.requests)
    for _ in range(20):
        assert gateway.chat(key=key).status == 429
    assert len(standin.requests) == before
