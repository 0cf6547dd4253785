"""RE7: whatever an upstream does wrong, before the first byte of an answer or after it, the client
gets the right outcome in time, and the bill is right.

Before the first byte the next deployment of a route answers, and the failed attempt costs
nothing. After it the stream ends with an error event and without `[DONE]`, and what had come is
billed by estimate.
"""

import asyncio
import json
import random
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from tests.faults import FaultProxy, Injury
from tests.gateway.canned import run_canned
from tests.processes import RunningStandin, run_standin
from tests.running import Reply, RunningGateway, run_gateway
from tramontane.money import Price, Usage, cost_nano
from tramontane.providers.standin import Behaviour, Rule, StandinOptions
from tramontane.store.records import UsageRecord

PRICE = {"input_per_mtok": "0.15", "output_per_mtok": "0.60"}
NANO_PRICE = Price(150_000_000, 600_000_000, 150_000_000, 0)
TIMEOUTS = {
    "upstream.connect_timeout_s": 2.0,
    "upstream.first_byte_timeout_s": 0.7,
    "upstream.idle_timeout_s": 0.7,
    "upstream.circuit_breaker": False,  # each of them is asked, however often it has failed
}
OUTPUT_TOKENS = 40


def paced(fault: str) -> Behaviour:
    # So slowly that what comes before the fault comes in reads of its own.
    return Behaviour(fault=fault, tokens=OUTPUT_TOKENS, tps=100)


# name: what the stand-in does, and the status and code that mean it to the client.
BEFORE: dict[str, tuple[Behaviour, int, str]] = {
    "reset": (Behaviour(fault="reset"), 502, "upstream_error"),
    "close": (Behaviour(fault="close"), 502, "upstream_error"),
    "head_only": (Behaviour(fault="close_after:0"), 502, "upstream_error"),
    "black_hole": (Behaviour(fault="black_hole"), 504, "upstream_timeout"),
    "silent_after_head": (Behaviour(fault="black_hole:0"), 504, "upstream_timeout"),
    "slow": (Behaviour(ttft_ms=20_000), 504, "upstream_timeout"),
    "s500": (Behaviour(status=500), 502, "upstream_error"),
    "s401": (Behaviour(status=401), 502, "upstream_refused"),
    "s403": (Behaviour(status=403), 502, "upstream_refused"),
    "s404": (Behaviour(status=404), 502, "upstream_refused"),
    "s429": (Behaviour(status=429, retry_after_s=7), 429, "upstream_rate_limited"),
    "s503": (Behaviour(status=503, retry_after_s=7), 503, "upstream_overloaded"),
    "redirect": (Behaviour(fault="redirect"), 502, "upstream_error"),
    "two_lengths": (Behaviour(fault="conflicting_length"), 502, "upstream_error"),
    "huge_head": (Behaviour(fault="huge_head"), 502, "upstream_error"),
    "no_http": (Behaviour(fault="invalid_http"), 502, "upstream_error"),
}  # fmt: skip

# After the first events of a stream.
MIDWAY: dict[str, tuple[Behaviour, str]] = {
    "reset_midway": (paced("reset_after:9"), "upstream_error"),
    "close_midway": (paced("close_after:9"), "upstream_error"),
    "black_hole_midway": (paced("black_hole:9"), "upstream_timeout"),
    "bad_json_midway": (paced("malformed_json:9"), "upstream_error"),
    "bad_sse_midway": (paced("malformed_sse:9"), "upstream_error"),
    "error_midway": (paced("error_event:9"), "upstream_error"),
    "cut_chunk": (paced("truncated_chunk"), "upstream_error"),
    "bad_chunk": (paced("bad_chunk:9"), "upstream_error"),
}

# Within the body of an answer that is no stream.
WITHIN: dict[str, tuple[Behaviour, int, str]] = {
    "reset_within": (Behaviour(fault="reset_after:99"), 502, "upstream_error"),
    "close_within": (Behaviour(fault="close_after:99"), 502, "upstream_error"),
    "black_hole_within": (Behaviour(fault="black_hole:99"), 504, "upstream_timeout"),
    "bad_json_body": (Behaviour(fault="malformed_json"), 502, "upstream_error"),
    "too_long_length": (Behaviour(fault="wrong_length:9"), 502, "upstream_error"),
    "too_short_length": (Behaviour(fault="wrong_length:-9"), 502, "upstream_error"),
    "cut_chunk_body": (Behaviour(fault="chunked:50,truncated_chunk"), 502, "upstream_error"),
    "no_last_chunk_body": (Behaviour(fault="no_last_chunk"), 502, "upstream_error"),
}  # fmt: skip

# Odd, but whole.
HARMLESS: dict[str, Behaviour] = {
    "drip": Behaviour(fault="slow_bytes", tokens=3),
    "split": Behaviour(fault="split_utf8", answer="Übergrößenträger 日本語 🌬️"),
    "crlf": Behaviour(fault="crlf"),
    "early_hints": Behaviour(fault="informational"),
    "says_close": Behaviour(fault="connection_close"),
    "in_chunks": Behaviour(fault="chunked:7"),
    "until_close": Behaviour(fault="close_delimited"),
    "usage_in_finish": Behaviour(usage="finish"),
    "usage_running": Behaviour(usage="running"),
    "usage_always": Behaviour(usage="always"),
}
SILENT = {"black_hole", "silent_after_head", "slow", "black_hole_midway", "black_hole_within"}
STORMS = ("s429", "s500", "s503")
ENDINGS = ("missing_done", "double_done", "no_last_chunk")

CANNED = {
    "empty": b"",
    "stream_for_json": b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    b"data: [DONE]\n\n",
    "json_for_stream": b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
    b"content-length: 2\r\n\r\n{}",
    "html": b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 4\r\n\r\n<p/>",
    "untyped": b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    "error_first": b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n"
    b'data: {"error":{"message":"overloaded"}}\n\n',
    "upgrade": b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\n\r\n",
    "no_content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "folded": b"HTTP/1.1 200 OK\r\ncontent-type:\r\n application/json\r\n\r\n{}",
    "many_hints": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 5_000,
    "array": b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n[]",
    "deep": b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" + b"[" * 100_000,
}


def rules() -> tuple[Rule, ...]:
    told = {name: what[0] for name, what in (*BEFORE.items(), *WITHIN.items())}
    told |= {name: what[0] for name, what in MIDWAY.items()} | HARMLESS
    told |= {name: paced(name) for name in ENDINGS}
    return tuple(
        Rule(model="first", contains=f"<{name}>", reply=reply) for name, reply in told.items()
    )


def chosen_closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def running_proxy(port: int) -> Iterator[tuple[FaultProxy, asyncio.AbstractEventLoop]]:
    """Yield a fault proxy before `port` whose loop turns in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    proxy = FaultProxy(port)
    asyncio.run_coroutine_threadsafe(proxy.__aenter__(), loop).result(10)
    try:
        yield proxy, loop
    finally:
        asyncio.run_coroutine_threadsafe(proxy.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class Place:
    """A gateway whose deployment `first` goes wrong, and `second` does not."""

    def __init__(
        self,
        gateway: RunningGateway,
        standin: RunningStandin,
        proxy: FaultProxy,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.gateway = gateway
        self.standin = standin
        self._proxy = proxy
        self._loop = loop

    def injure(self, injury: Injury) -> None:
        """Have the next request through the proxy, on a new connection, suffer `injury`."""

        async def injure() -> None:
            self._proxy.inject(injury)
            self._proxy.cut()

        asyncio.run_coroutine_threadsafe(injure(), self._loop).result(10)

    def ask(self, name: str, *, model: str = "first", stream: bool = False) -> Reply:
        fields: dict[str, Any] = {"stream": True} if stream else {}
        return self.gateway.chat(f"<{name}> é", model=model, max_tokens=60, **fields)

    def bill(self, reply: Reply) -> UsageRecord:
        (bill,) = self.gateway.bills(reply.fields["x-request-id"])
        return bill

    def counted(self, reply: Reply) -> tuple[int, int]:
        """What the stand-in says it used for the whole of this answer."""
        asked = {request.request_id: request for request in self.standin.requests}
        request = asked[reply.fields["x-request-id"]]
        return request.prompt_tokens, request.planned_tokens


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("faults")
    with (
        run_standin(StandinOptions(script=rules())) as standin,
        run_canned(CANNED) as canned,
        socket.create_server(("127.0.0.1", 0)) as mute,
        running_proxy(standin.port) as (proxy, loop),
    ):
        urls = {
            "first": standin.url,
            "second": standin.url,
            "torn": proxy.url,
            "canned": canned.url,
            "closed": f"http://127.0.0.1:{chosen_closed_port()}/v1",
            "nowhere": "http://nowhere.invalid/v1",
            # TLS with a server that never says anything.
            "mute": f"https://127.0.0.1:{mute.getsockname()[1]}/v1",
        }
        settings: dict[str, object] = dict(TIMEOUTS)
        for name, url in urls.items():
            settings |= {f"deployments.{name}.url": url, f"deployments.{name}.price": PRICE}
            settings[f"routes.{name}-or-second.deployments"] = [name, "second"]
        for name in STORMS:  # a name of its own: further attempts are counted by name
            settings[f"routes.{name}.deployments"] = ["first", "second"]
        with run_gateway(folder / "data", None, settings) as gateway:
            yield Place(gateway, standin, proxy, loop)


def events_of(reply: Reply) -> list[Any]:
    """The JSON of every event; the word of the last, where that is none."""
    found = []
    for event in reply.body.decode().split("\n\n")[:-1]:
        data = event.removeprefix("data: ")
        found.append(data if data == "[DONE]" else json.loads(data))
    return found


def text_of(events: list[Any]) -> str:
    chunks = [e for e in events if isinstance(e, dict) and "choices" in e]
    return "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks)


def noisy(table: dict[str, Any]) -> list[str]:
    """The names of what does not show by silence."""
    return [name for name in table if name not in SILENT]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", noisy(BEFORE))
def test_before_the_first_byte_the_client_learns_what_happened(
    place: Place, name: str, stream: bool
) -> None:
    check_told(place, name, stream)


def check_told(place: Place, name: str, stream: bool) -> None:
    _, status, code = BEFORE[name]
    reply = place.ask(name, stream=stream)
    assert (reply.status, reply.code) == (status, code)
    bill = place.bill(reply)
    assert (bill.cost_nano, bill.completion_tokens, bill.estimated) == (0, 0, False)
    assert bill.status in ("upstream_failed", "upstream_timeout")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", noisy(BEFORE))
def test_before_the_first_byte_the_next_deployment_answers(
    place: Place, name: str, stream: bool
) -> None:
    check_replaced(place, name, stream)


def check_replaced(place: Place, name: str, stream: bool) -> None:
    reply = place.ask(name, model="first-or-second", stream=stream)
    assert reply.status == 200
    assert reply.fields["x-tramontane-deployment"] == "second"
    assert reply.fields["x-tramontane-attempts"] == "2"
    failed, answered = place.gateway.bills(reply.fields["x-request-id"], 2)
    assert (failed.deployment, failed.cost_nano, failed.attempt) == ("first", 0, 1)
    assert (answered.deployment, answered.attempt, answered.status) == ("second", 2, "ok")
    assert not answered.estimated
    assert answered.cost_nano > 0


@pytest.mark.parametrize("name", ["s429", "s503"])
def test_a_providers_retry_after_reaches_the_client(place: Place, name: str) -> None:
    reply = place.ask(name)
    assert (reply.fields["retry-after"], reply.fields["retry-after-ms"]) == ("7", "7000")


def test_what_the_provider_finds_wrong_with_a_request_is_the_clients(place: Place) -> None:
    reply = place.gateway.chat("x", model="first-or-second", top_p=7)
    assert reply.status == 400
    assert reply.json["error"]["param"] == "top_p"
    bill = place.bill(reply)
    assert (bill.deployment, bill.status, bill.cost_nano) == ("first", "refused", 0)


@pytest.mark.parametrize("model", ["closed", "nowhere"])
def test_a_host_that_cannot_be_reached(place: Place, model: str) -> None:
    check_unreachable(place, model)


def check_unreachable(place: Place, model: str) -> None:
    reply = place.ask("x", model=model)
    assert (reply.status, reply.code) in ((502, "upstream_error"), (504, "upstream_timeout"))
    assert place.bill(reply).cost_nano == 0
    reply = place.ask("x", model=f"{model}-or-second", stream=True)
    assert (reply.status, reply.fields["x-tramontane-deployment"]) == (200, "second")


@pytest.mark.parametrize("name", noisy(MIDWAY))
@pytest.mark.parametrize("model", ["first", "first-or-second"])
def test_after_the_first_byte_a_stream_ends_with_an_error(
    place: Place, name: str, model: str
) -> None:
    check_broken_off(place, name, model)


def check_broken_off(place: Place, name: str, model: str) -> None:
    reply = place.ask(name, model=model, stream=True)
    assert reply.status == 200
    assert reply.fields["x-tramontane-deployment"] == "first"
    events = events_of(reply)
    assert "[DONE]" not in events
    assert events[-1]["error"]["code"] == MIDWAY[name][1]
    delivered = sum(1 for e in events[:-1] if e["choices"][0]["delta"].get("content"))
    assert delivered > 0
    bill = place.bill(reply)
    assert bill.estimated
    assert bill.prompt_tokens > 0
    assert delivered <= bill.completion_tokens <= 60
    assert bill.cost_nano == cost_nano(
        NANO_PRICE, Usage(bill.prompt_tokens, bill.completion_tokens)
    )
    assert bill.status == MIDWAY[name][1].replace("upstream_error", "upstream_failed")


@pytest.mark.parametrize("name", noisy(WITHIN))
def test_an_answer_that_comes_in_part_is_none(place: Place, name: str) -> None:
    check_none(place, name)


def check_none(place: Place, name: str) -> None:
    _, status, code = WITHIN[name]
    reply = place.ask(name)
    assert (reply.status, reply.code) == (status, code)
    assert place.bill(reply).cost_nano == 0
    reply = place.ask(name, model="first-or-second")
    assert (reply.status, reply.fields["x-tramontane-deployment"]) == (200, "second")


def test_an_upstream_that_falls_silent_is_given_up_in_time(place: Place) -> None:
    """All of them at once: each takes as long as the timeout."""
    with ThreadPoolExecutor(16) as threads:
        checks = [
            threads.submit(check, place, name, stream)
            for check in (check_told, check_replaced)
            for name in SILENT & BEFORE.keys()
            for stream in (False, True)
        ]
        checks += [
            threads.submit(check_broken_off, place, name, model)
            for name in SILENT & MIDWAY.keys()
            for model in ("first", "first-or-second")
        ]
        checks.append(threads.submit(check_unreachable, place, "mute"))
        checks += [threads.submit(check_none, place, n) for n in SILENT & WITHIN.keys()]
        for check in checks:
            check.result()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_odd_but_whole_is_answered_and_billed_exactly(
    place: Place, name: str, stream: bool
) -> None:
    reply = place.ask(name, stream=stream)
    assert reply.status == 200
    if stream:
        events = events_of(Reply(200, {}, reply.body.replace(b"\r", b"")))
        assert events[-1] == "[DONE]"
        text = text_of(events)
    else:
        text = reply.json["choices"][0]["message"]["content"]
    assert text == HARMLESS[name].answer or HARMLESS[name].answer is None
    bill = place.bill(reply)
    assert (bill.prompt_tokens, bill.completion_tokens) == place.counted(reply)
    assert (bill.estimated, bill.status) == (False, "ok")


@pytest.mark.parametrize("name", ENDINGS)
def test_a_stream_ends_once_however_the_upstream_ends_it(place: Place, name: str) -> None:
    reply = place.ask(name, stream=True)
    assert events_of(reply).count("[DONE]") == 1
    assert reply.body.endswith(b"data: [DONE]\n\n")
    bill = place.bill(reply)
    assert (bill.prompt_tokens, bill.completion_tokens) == place.counted(reply)
    assert not bill.estimated


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", CANNED)
def test_no_answer_of_an_upstream_harms_the_gateway(place: Place, name: str, stream: bool) -> None:
    if (name, stream) in (("stream_for_json", True), ("json_for_stream", False)):
        name = "empty"  # these are what was asked for
    reply = place.ask(name, model="canned", stream=stream)
    assert (reply.status, reply.code) == (502, "upstream_error")
    assert place.bill(reply).cost_nano == 0
    reply = place.ask(name, model="canned-or-second", stream=stream)
    assert (reply.status, reply.fields["x-tramontane-deployment"]) == (200, "second")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_kept_connection_that_closes_as_a_request_arrives_is_replaced(
    tmp_path_factory: pytest.TempPathFactory, stream: bool, place: Place
) -> None:
    """The stand-in resets the second request on the connection; only the client's is retried."""
    place.standin.reset()
    replies = [
        place.gateway.chat(f"[[standin fault=stale]] {n}", model="second", stream=stream)
        for n in range(4)
    ]
    assert [reply.status for reply in replies] == [200] * 4
    ids = [reply.fields["x-request-id"] for reply in replies]
    assert [request.request_id for request in place.standin.requests] == ids
    for reply in replies:
        bill = place.bill(reply)
        assert (bill.attempt, bill.estimated, bill.status) == (1, False, "ok")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("kind", ["reset", "close", "black_hole", "garbage", "drip", "split"])
def test_a_connection_torn_anywhere_is_never_a_whole_answer(
    place: Place, kind: Any, stream: bool
) -> None:
    chance = random.Random(f"{kind}{stream}")
    for _ in range(2 if kind in ("black_hole", "garbage") else 6):
        after = chance.randrange(1_600 if not stream else 9_000)
        place.injure(Injury(kind, after_bytes=after, piece_bytes=64, pause_s=0.0))
        fields: dict[str, Any] = {"stream": True} if stream else {}
        reply = place.gateway.chat(
            "[[standin tokens=40 tps=5000]] x", model="torn", max_tokens=60, **fields
        )
        bill = place.bill(reply)
        if reply.status != 200:
            assert reply.code in ("upstream_error", "upstream_timeout")
            assert bill.cost_nano == 0
        elif not stream or reply.body.endswith(b"data: [DONE]\n\n"):
            assert (bill.status, bill.estimated) == ("ok", False) or kind == "garbage"
            assert kind == "garbage" or bill.completion_tokens == 40
        else:
            events = reply.body.split(b"\n\n")
            assert b"[DONE]" not in reply.body
            assert json.loads(events[-2].removeprefix(b"data: "))["error"]["code"]
            assert bill.cost_nano > 0
            assert kind not in ("drip", "split")


@pytest.mark.parametrize("name", STORMS)
def test_a_storm_of_refusals_is_asked_no_more_than_once_each(place: Place, name: str) -> None:
    place.standin.reset()
    models = ["first", name] * 40
    with ThreadPoolExecutor(32) as threads:
        replies = list(threads.map(lambda model: place.ask(name, model=model), models))
    for model, reply in zip(models, replies, strict=True):
        assert reply.status == (200 if model == name else BEFORE[name][1])
    asked = Counter(request.model for request in place.standin.requests)
    assert asked == {"first": 80, "second": 40}


def test_nothing_of_all_this_is_left_behind(place: Place) -> None:
    """Runs last: no hold is open, no place taken, nothing crashed."""
    key = place.gateway.add_key(place.gateway.project, "operator", rights=("infer", "operate"))
    place.gateway.until_seen(key)
    metrics = place.gateway.request("GET", "/metrics", key=key).body.decode().splitlines()
    assert "tramontane_open_holds 0" in [line.replace(".0", "") for line in metrics]
    in_flight = [line for line in metrics if line.startswith("tramontane_in_flight")]
    assert in_flight
    assert all(line.endswith((" 0", " 0.0")) for line in in_flight), in_flight
    assert '"trace"' not in place.gateway.log()
