"""RE4: the same Idempotency-Key gets the same answer, and nothing is asked or billed twice."""

import http.client
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import RunningStandin, run_standin
from tests.running import START_S, Reply, RunningGateway, run_gateway
from tramontane.providers.standin import Behaviour, Rule, StandinOptions

PATH = "/v1/chat/completions"
ANSWER = "Zwetschgenkuchen mit Streusel"
SCRIPT = (
    Rule(contains="<slow>", reply=Behaviour(ttft_ms=600, answer=ANSWER)),
    Rule(contains="<drip>", reply=Behaviour(tokens=40, tps=40)),
    Rule(contains="<s500>", reply=Behaviour(status=500)),
    Rule(contains="<torn>", reply=Behaviour(fault="close_after:9", tokens=40, tps=2_000)),
    Rule(contains="<large>", reply=Behaviour(tokens=400_000)),
    Rule(contains="<kept>", reply=Behaviour(answer=ANSWER)),
)


class Place:
    """A gateway before a stand-in."""

    def __init__(self, gateway: RunningGateway, standin: RunningStandin) -> None:
        self.gateway = gateway
        self.standin = standin
        standin.reset()

    def ask(self, content: str, idempotency: str, *, key: str | None = None, **more: Any) -> Reply:
        return self.gateway.request(
            "POST", PATH, body(content, **more), key=key or self.gateway.key,
            fields={"Idempotency-Key": idempotency},
        )  # fmt: skip

    @property
    def asked(self) -> int:
        """How many requests the stand-in has had."""
        return len(self.standin.requests)

    def ask_and_leave(self, content: str, idempotency: str, **more: Any) -> None:
        """Ask, and leave once the stand-in has been asked (a stream: has begun)."""
        before = self.asked
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=30)
        fields = {"Authorization": f"Bearer {self.gateway.key}", "Idempotency-Key": idempotency}
        connection.request("POST", PATH, body(content, **more), fields)
        if more.get("stream"):
            connection.getresponse().read(1)
        deadline_s = time.monotonic() + START_S
        while self.asked == before and time.monotonic() < deadline_s:
            time.sleep(0.01)
        connection.close()

    def until_released(self, content: str, idempotency: str, **more: Any) -> Reply:
        """Ask again until nobody else's request is under way."""
        deadline_s = time.monotonic() + START_S
        while time.monotonic() < deadline_s:
            reply = self.ask(content, idempotency, **more)
            if reply.status != 409:
                return reply
            time.sleep(0.05)
        raise AssertionError("the key was never released")


def body(content: str, **more: Any) -> bytes:
    asked = {"model": "bench", "messages": [{"role": "user", "content": content}], **more}
    return json.dumps(asked).encode()


def code(reply: Reply) -> str:
    return str(json.loads(reply.body)["error"]["code"])


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("idempotency")
    with run_standin(StandinOptions(script=SCRIPT)) as standin:
        settings = {"upstream.circuit_breaker": False}
        with run_gateway(folder, standin.url, settings) as gateway:
            yield Place(gateway, standin)


@pytest.fixture
def place(running: Place) -> Place:
    running.standin.reset()
    return running


@pytest.mark.parametrize("stream", [False, True])
def test_a_repetition_gets_the_same_answer_and_asks_nobody(place: Place, stream: bool) -> None:
    key = f"same-{stream}"
    first = place.ask("<kept>", key, stream=stream)
    again = place.ask("<kept>", key, stream=stream)
    assert first.status == again.status == 200 and place.asked == 1
    assert again.body == first.body
    assert again.fields["content-type"] == first.fields["content-type"]
    assert again.fields["x-request-id"] == first.fields["x-request-id"]
    assert again.fields["x-tramontane-replayed"] == "true"
    assert "x-tramontane-replayed" not in first.fields
    assert "x-tramontane-cost" not in again.fields  # it costs nothing
    (bill,) = place.gateway.bills(first.fields["x-request-id"])
    assert bill.cost_nano > 0


CHAT = {"model": "bench", "messages": [{"role": "user", "content": "<kept>"}]}
DIALECTS: dict[str, dict[str, Any]] = {
    "/mistral/v1/chat/completions": CHAT,
    "/azure/chat/completions": CHAT,
    "/openai/deployments/bench/chat/completions": CHAT,
    "/anthropic/v1/messages": {**CHAT, "max_tokens": 20},
    "/v1/messages": {**CHAT, "max_tokens": 20},
    "/v1/responses": {"model": "bench", "input": "<kept>"},
    "/v1/completions": {"model": "bench", "prompt": "<kept>"},
    "/v1/embeddings": {"model": "bench", "input": "<kept>"},
    "/api/chat": CHAT,
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", DIALECTS)
def test_every_dialect_repeats_its_answers(place: Place, path: str, stream: bool) -> None:
    asked = {**DIALECTS[path], "stream": stream}
    if path == "/v1/embeddings":
        del asked["stream"]
    fields = {"Idempotency-Key": f"dialect-{stream}"}

    def ask() -> Reply:
        return place.gateway.request(
            "POST", path, json.dumps(asked).encode(), key=place.gateway.key, fields=fields
        )

    first, again = ask(), ask()
    assert first.status == again.status == 200, first.body
    assert again.body == first.body and place.asked == 1
    assert again.fields["content-type"] == first.fields["content-type"]
    assert again.fields["x-tramontane-replayed"] == "true"


def test_another_request_under_the_same_key_is_refused(place: Place) -> None:
    assert place.ask("<kept> one", "changed").status == 200
    other = place.ask("<kept> two", "changed")
    assert (other.status, code(other), place.asked) == (422, "idempotency_key_reused", 1)
    assert place.ask("<kept> one", "changed").fields["x-tramontane-replayed"] == "true"


def test_a_key_counts_for_one_api_key_alone(place: Place) -> None:
    other = place.gateway.add_key(place.gateway.project, "other")
    place.gateway.until_seen(other)
    assert place.ask("<kept> mine", "mine").status == 200
    theirs = place.ask("<kept> theirs", "mine", key=other)
    assert theirs.status == 200 and place.asked == 2


def test_while_the_first_is_answered_the_second_is_refused(place: Place) -> None:
    replies: list[Reply] = []
    threads = [
        threading.Thread(target=lambda: replies.append(place.ask("<slow>", "at-once")))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(reply.status for reply in replies) == [200, 409, 409, 409]
    assert place.asked == 1
    refused = next(reply for reply in replies if reply.status == 409)
    assert code(refused) == "idempotency_in_progress" and "retry-after" in refused.fields


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", ["<s500>", "<torn>"])
def test_what_has_failed_may_be_tried_again(place: Place, fault: str, stream: bool) -> None:
    for _ in range(2):
        place.ask(fault, f"failed-{stream}-{fault[1:-1]}", stream=stream)
    assert place.asked == 2


def test_who_left_before_a_whole_answer_finds_it(place: Place) -> None:
    """It was paid for: it is read to its end for whoever comes again."""
    place.ask_and_leave("<slow>", "left")
    reply = place.until_released("<slow>", "left")
    assert reply.status == 200 and reply.fields["x-tramontane-replayed"] == "true"
    assert ANSWER in reply.body.decode() and place.asked == 1


def test_who_left_within_a_stream_asks_anew(place: Place) -> None:
    place.ask_and_leave("<drip>", "left-within", stream=True)
    reply = place.until_released("<drip>", "left-within", stream=True)
    assert reply.status == 200 and "x-tramontane-replayed" not in reply.fields
    assert place.asked == 2


def test_an_answer_too_large_to_be_kept_is_not_paid_for_twice(place: Place) -> None:
    assert place.ask("<large>", "large").status == 200
    again = place.ask("<large>", "large")
    assert (again.status, code(again), place.asked) == (409, "idempotency_answer_not_kept", 1)


@pytest.mark.parametrize("key", [" ", "a b", "x" * 256, "ü"])
def test_a_key_that_is_none_is_refused(place: Place, key: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", place.gateway.port, timeout=30)
    fields = {"Authorization": f"Bearer {place.gateway.key}"}
    connection.request("POST", PATH, body("<kept>"), {**fields, "Idempotency-Key": key.encode()})
    answer = connection.getresponse()
    said = json.loads(answer.read())
    connection.close()
    assert (answer.status, said["error"]["code"]) == (400, "invalid_idempotency_key")
    assert place.asked == 0


def test_kept_answers_are_sealed_and_outlive_the_gateway(place: Place) -> None:
    first = place.ask("<kept> for long", "long")
    place.gateway.kill()
    kept = list((place.gateway.folder.path / "replays").iterdir())
    assert kept
    for file in kept:
        content = file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0
        assert ANSWER.encode() not in content and b"long" not in content
        assert "long" not in file.name
    place.gateway.start()
    again = place.ask("<kept> for long", "long")
    assert again.body == first.body and again.fields["x-tramontane-replayed"] == "true"


def test_the_folder_is_nobody_elses(place: Place) -> None:
    folder = Path(place.gateway.folder.path / "replays")
    assert folder.stat().st_mode & 0o077 == 0
