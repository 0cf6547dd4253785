"""RE3: budgets are never overspent and nothing leaks; what is refused says why. And RE2, live: with
no room for the journal new requests are refused, and running ones are settled.
"""

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.processes import RunningStandin, run_standin
from tests.running import Reply, RunningGateway, run_gateway
from tramontane.money import NANO, Price, Usage, bound_nano, cost_nano
from tramontane.providers.standin import StandinOptions
from tramontane.store import usage
from tramontane.store.records import Project, UsageRecord, Window
from tramontane.store.windows import bounds, time_name

PRICES = {"input_per_mtok": "0.15", "output_per_mtok": "0.60"}
PRICE = Price(150_000_000, 600_000_000, 150_000_000, 0)
TEMPLATE_TOKENS = 256
CLIENTS = 64


class Place:
    """A gateway with projects made as tests need them."""

    def __init__(self, gateway: RunningGateway, standin: RunningStandin) -> None:
        self.gateway = gateway
        self.standin = standin
        self.operator = gateway.add_key(gateway.project, "operator", rights=("operate",))

    def project(self, name: str, limit_nano: int, window: Window = "total") -> tuple[Project, str]:
        """Return a project with one budget, and its key, known to the gateway."""
        project = self.gateway.add_project(name)
        self.gateway.set_budget(project, window, limit_nano)
        key = self.gateway.add_key(project)
        self.gateway.until_seen(key)
        return project, key

    def bill(self, reply: Reply) -> UsageRecord:
        (bill,) = self.gateway.bills(reply.fields["x-request-id"])
        return bill

    def spent(self, project: Project) -> int:
        """What the store has for the project."""
        with self.gateway.store.read() as c:
            known = usage.spend(c, int(time.time() * 1000)).get(("project", project.id))
        return known.total_nano if known is not None else 0

    def asked(self, reply: Reply) -> Any:
        """The body that the stand-in got."""
        asked = {request.request_id: request for request in self.standin.requests}
        body = asked[reply.fields["x-request-id"]].body
        assert body is not None
        return json.loads(body)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("bills")
    with run_standin(StandinOptions(keep_bodies=True)) as standin:
        settings: dict[str, object] = {
            "deployments.cached.url": standin.url,
            "deployments.cached.price": {**PRICES, "cached_input_per_mtok": "0.05", "request": "1"},
            "deployments.uncounted.url": standin.url,
            "deployments.uncounted.price": PRICES,
            "deployments.uncounted.stream_usage": "never",
            "deployments.short.url": standin.url,
            "deployments.short.price": PRICES,
            "deployments.short.max_output_tokens": 50,
            "deployments.short.max_tokens_field": "max_completion_tokens",
        }
        with run_gateway(folder / "data", standin.url, settings) as gateway:
            yield Place(gateway, standin)


def bound(body: dict[str, Any], output_tokens: int) -> int:
    size = len(json.dumps(body).encode())
    return bound_nano(PRICE, size + TEMPLATE_TOKENS, output_tokens)


def test_sixty_four_clients_cannot_overspend_one_budget(place: Place) -> None:
    limit_nano = 5_000_000
    project, key = place.project("crowded", limit_nano)
    started = threading.Barrier(CLIENTS)

    def ask(n: int) -> list[Reply]:
        replies = []
        started.wait()
        while True:
            reply = place.gateway.chat(
                f"[[standin tokens={10 + n} tps=3000]] x",
                key=key,
                max_tokens=100,
                stream=n % 2 == 0,
            )
            replies.append(reply)
            # "once open requests have ended" is worth another try; an exhausted budget is not.
            if reply.status == 429 and "retry-after" not in reply.fields:
                return replies

    with ThreadPoolExecutor(CLIENTS) as threads:
        replies = [reply for of_one in threads.map(ask, range(CLIENTS)) for reply in of_one]
    metrics = place.gateway.until_idle(place.operator)
    assert {reply.status for reply in replies} == {200, 429}
    answered = [reply for reply in replies if reply.status == 200]
    bills = [place.bill(reply) for reply in answered]
    assert not any(bill.estimated for bill in bills)
    total = sum(bill.cost_nano for bill in bills)
    assert total == place.spent(project) <= limit_nano
    body = {"model": "bench", "messages": [{"role": "user", "content": "x" * 40}]}
    assert limit_nano - total < bound(body, 100) + 10_000, "it could have afforded one more"
    series = 'model="bench",project="crowded"'
    counted = {name: value for name, value in metrics.items() if series in name}
    assert counted_as(counted, "cost") * NANO == pytest.approx(total)
    tokens = sum(bill.prompt_tokens + bill.completion_tokens for bill in bills)
    assert counted_as(counted, "tokens") == tokens


def counted_as(counted: dict[str, float], kind: str) -> float:
    return sum(value for name, value in counted.items() if name.startswith(f"tramontane_{kind}"))


@pytest.mark.parametrize("window", ["day", "month", "total"])
def test_a_refusal_says_which_budget_how_much_and_when_it_resets(
    place: Place, window: Window
) -> None:
    _, key = place.project(f"poor-{window}", 300_000, window)
    assert place.gateway.chat("[[standin tokens=200]]", key=key, max_tokens=200).status == 200
    reply = place.gateway.chat("x", key=key, max_tokens=300)
    error = reply.json["error"]
    assert (reply.status, error["code"], error["type"]) == (
        429, "insufficient_quota", "insufficient_quota",
    )  # fmt: skip
    word = {"day": "daily", "month": "monthly", "total": "total"}[window]
    assert f"The {word} budget of the project 'poor-{window}'" in error["message"]
    assert "limit 0.0003 USD" in error["message"]
    end_ms = bounds(window, int(time.time() * 1000)).end_ms
    if end_ms is None:
        assert "does not reset" in error["message"]
        assert "retry-after" not in reply.fields
    else:
        assert f"It resets at {time_name(end_ms)}" in error["message"]
        left_s = end_ms / 1000 - time.time()
        assert left_s - 5 < int(reply.fields["retry-after"]) <= left_s + 5
        assert reply.fields["x-should-retry"] == "false"
    assert place.gateway.chat("x", key=key, max_tokens=10).status == 200, "fewer tokens fit"


@pytest.mark.parametrize(
    ("path", "status", "asked"),
    [
        ("/anthropic/v1/messages", 402, {"max_tokens": 300}),
        ("/mistral/v1/chat/completions", 429, {"max_tokens": 300}),
        ("/azure/chat/completions?api-version=2024-05-01-preview", 429, {"max_tokens": 300}),
        ("/api/chat", 429, {"options": {"num_predict": 300}}),
        ("/v1/embeddings", 429, {"input": "x" * 1_000, "messages": None}),
        ("/api/embed", 429, {"input": "x" * 1_000, "messages": None}),
    ],
)
def test_in_every_dialect_the_words_say_what_it_may_cost_and_what_is_left(
    place: Place, path: str, status: int, asked: dict[str, Any]
) -> None:
    _, key = place.project("poor-" + re.sub(r"\W+", "-", path), 10_000)
    body = {"model": "bench", "messages": [{"role": "user", "content": "x"}], **asked}
    sent = json.dumps({name: value for name, value in body.items() if value is not None})
    reply = place.gateway.request("POST", path, sent.encode(), key=key)
    said = reply.body.decode()
    assert reply.status == status, said
    assert "left 0.00001 USD; this request may cost up to 0.000" in said


def test_without_a_limit_of_its_own_a_request_gets_what_the_budget_affords(place: Place) -> None:
    _, key = place.project("modest", 300_000)
    reply = place.gateway.chat("[[standin tokens=5000]] x", key=key)
    assert reply.status == 200
    set_to = place.asked(reply)["max_tokens"]
    assert reply.json["choices"][0]["finish_reason"] == "length"
    bill = place.bill(reply)
    assert bill.completion_tokens == set_to
    assert bill.cost_nano <= 300_000
    assert set_to * 600 <= 300_000 < set_to * 600 + (TEMPLATE_TOKENS + 400) * 150


def test_several_choices_share_what_the_budget_affords(place: Place) -> None:
    _, key = place.project("modest-twins", 300_000)
    reply = place.gateway.chat("[[standin tokens=5000]] x", key=key, n=3, stream=True)
    bill = place.bill(reply)
    assert bill.completion_tokens == 3 * place.asked(reply)["max_tokens"]
    assert 150_000 < bill.cost_nano <= 300_000


def test_without_a_budget_no_limit_is_set_unless_the_model_has_one(place: Place) -> None:
    assert "max_tokens" not in place.asked(place.gateway.chat("x"))
    asked = place.asked(place.gateway.chat("x", model="short"))
    assert (asked["max_completion_tokens"], "max_tokens" in asked) == (50, False)
    reply = place.gateway.chat("x", model="short", max_tokens=51)
    assert (reply.status, reply.json["error"]["param"]) == (400, "max_tokens")


def test_a_raised_budget_serves_again(place: Place) -> None:
    project, key = place.project("raised", 1_000)
    assert place.gateway.chat("x", key=key, max_tokens=10).status == 429
    place.gateway.set_budget(project, "total", NANO)
    place.gateway.until_seen(place.gateway.add_key(project, "later"))
    assert place.gateway.chat("x", key=key, max_tokens=10).status == 200


def test_what_exceeds_its_hold_is_charged_and_closes_the_budget(place: Place) -> None:
    project, key = place.project("surprised", 1_000_000)
    before = place.gateway.until_idle(place.operator)["tramontane_excesses"]
    reply = place.gateway.chat("[[standin prompt_tokens=9000]] x", key=key, max_tokens=10)
    assert reply.status == 200
    assert place.bill(reply).prompt_tokens == 9_000
    assert place.spent(project) > 1_000_000
    assert place.gateway.until_idle(place.operator)["tramontane_excesses"] == before + 1
    assert place.gateway.chat("x", key=key, max_tokens=1).code == "insufficient_quota"


def test_cached_tokens_and_requests_have_their_own_price(place: Place) -> None:
    reply = place.gateway.chat("[[standin cached_tokens=9 tokens=4]] hello there", model="cached")
    bill = place.bill(reply)
    assert bill.cached_tokens == 9
    priced = Price(150_000_000, 600_000_000, 50_000_000, NANO)
    used = Usage(bill.prompt_tokens, bill.completion_tokens, bill.cached_tokens)
    assert bill.cost_nano == cost_nano(priced, used)
    assert reply.fields["x-tramontane-cost"] == f"{bill.cost_nano / NANO:.9f}"


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        ("[[standin usage=never tokens=30]] x", {}),
        ("[[standin usage=never tokens=30]] x", {"stream": True}),
        ("[[standin usage=always tokens=30]] x", {"stream": True, "model": "uncounted"}),
    ],
)
def test_what_the_provider_does_not_count_is_estimated_within_the_hold(
    place: Place, content: str, fields: dict[str, Any]
) -> None:
    reply = place.gateway.chat(content, max_tokens=40, **fields)
    bill = place.bill(reply)
    assert (bill.estimated, bill.status) == (True, "ok")
    assert 0 < bill.prompt_tokens <= TEMPLATE_TOKENS + 300
    assert 30 <= bill.completion_tokens <= 40


class TestNoRoom:
    """RE2, live: the journal's files cannot grow, as on a full disk."""

    @pytest.fixture
    def limit_file(self, tmp_path: Path) -> Path:
        file = tmp_path / "limit"
        file.write_text("")
        return file

    @pytest.fixture
    def cramped(self, tmp_path: Path, limit_file: Path, place: Place) -> Iterator[RunningGateway]:
        overrides: dict[str, object] = {
            "deployments.bench.url": place.standin.url,
            "deployments.bench.price": PRICES,
            "demo": False,
        }
        gateway = RunningGateway(tmp_path / "data", overrides)
        gateway.entry = "tests.gateway.cramped"
        try:
            yield gateway
        finally:
            gateway.stop()

    def test_new_requests_are_refused_and_running_ones_settled(
        self, cramped: RunningGateway, limit_file: Path
    ) -> None:
        cramped.start({"CRAMPED_FILE": str(limit_file)})
        with ThreadPoolExecutor(1) as threads:
            content = "[[standin tokens=50 tps=25]] x"
            running = threads.submit(cramped.chat, content, stream=True, max_tokens=60)
            time.sleep(0.3)
            limit_file.write_text("4096")
            answered, refused = until_refused(cramped)
            assert (refused.status, refused.code) == (503, "metering_unavailable")
            assert int(refused.fields["retry-after"]) >= 1
            assert not running.done()
            whole = running.result()
        assert whole.body.endswith(b"data: [DONE]\n\n")
        limit_file.write_text("")
        answered.append(until_answered(cramped))
        bills = {b.request_id: b for r in answered for b in cramped.bills(r.fields["x-request-id"])}
        (bill,) = cramped.bills(whole.fields["x-request-id"])
        assert (bill.completion_tokens, bill.estimated) == (50, False)
        assert not any(bill.estimated for bill in bills.values())
        cramped.kill()
        found = Counter(record.request_id for record in cramped.usage())
        assert found == Counter([*bills, whole.fields["x-request-id"]])

    def test_a_gateway_without_room_starts_and_serves_once_there_is_some(
        self, cramped: RunningGateway, limit_file: Path
    ) -> None:
        limit_file.write_text("4096")
        cramped.start({"CRAMPED_FILE": str(limit_file)})
        assert cramped.request("GET", "/health").status == 200
        assert cramped.chat("x").code == "metering_unavailable"
        limit_file.write_text("")
        until_answered(cramped)


def until_refused(gateway: RunningGateway) -> tuple[list[Reply], Reply]:
    answered: list[Reply] = []
    while len(answered) < 200:
        reply = gateway.chat("x", max_tokens=10)
        if reply.status != 200:
            return answered, reply
        answered.append(reply)
    raise AssertionError("nothing was refused")


def until_answered(gateway: RunningGateway) -> Reply:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        reply = gateway.chat("x", max_tokens=10)
        if reply.status == 200:
            return reply
        time.sleep(0.05)
    raise AssertionError("it never served again")


def test_a_server_that_is_not_to_be_asked_for_usage_is_not(place: Place) -> None:
    options = {"include_usage": True}
    for model, is_asked in (("uncounted", False), ("cached", True)):
        reply = place.gateway.chat("x", model=model, stream=True, stream_options=options)
        assert reply.status == 200
        assert ("stream_options" in place.asked(reply)) is is_asked
