"""What a client hears while its request waits: comments in time, and the truth about the place."""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from tests.processes import RunningStandin
from tests.running import Reply, RunningGateway, run_gateway
from tramontane.gateway.admission import FifoGate
from tramontane.gateway.waiting import Waiting

QUEUED = re.compile(rb": queued position=(\d+) eta_s=(\d+)\n\n")
LONG = "[[standin tokens=900 tps=40]] go on"


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


# -- what is said, and when


def heard(moves: list[tuple[float, int, float]]) -> list[tuple[float, bytes]]:
    """Return when which comment went out for moves as (second, position, eta)."""
    clock = Clock()
    said: list[tuple[float, bytes]] = []
    waiting = Waiting(clock, lambda comment: said.append((clock.now_s, comment)))
    for clock.now_s, position, eta_s in moves:
        waiting.moved(position, eta_s)
    return said


def test_the_first_word_comes_after_two_seconds_and_the_next_when_something_changed() -> None:
    moves = [(0.5, 12, 9.0), (1.9, 12, 7.5), (2.0, 12, 7.5), (2.5, 12, 7.4), (3.5, 12, 7.3)]
    assert heard(moves) == [(2.0, b": queued position=12 eta_s=8\n\n")]
    moves += [(3.6, 11, 7.0), (4.0, 9, 6.0), (4.7, 8, 0.0)]
    assert heard(moves)[1:] == [
        (3.6, b": queued position=11 eta_s=7\n\n"),
        (4.7, b": queued position=8 eta_s=1\n\n"),
    ]


def told(gate: FifoGate, waiters: int) -> list[tuple[int, float]]:
    """Queue `waiters` and return what each is told."""
    found: dict[int, tuple[int, float]] = {}

    def teller(number: int) -> Any:
        return lambda position, eta_s: found.__setitem__(number, (position, eta_s))

    for number in range(waiters):
        gate.wait("a", lambda _: None, teller(number))
    gate.tell_positions()
    return [found[number] for number in range(waiters)]


def test_who_waits_hears_when_the_places_before_him_may_be_free() -> None:
    clock = Clock()
    gate = FifoGate(2, 100, clock)
    for _ in range(30):  # learn that an answer takes 10 s
        permit = gate.enter("a")
        assert permit is not None
        clock.now_s += 10
        gate.release(permit)
    gate.enter("a")
    clock.now_s += 4
    gate.enter("a")
    clock.now_s += 3
    assert told(gate, 5) == [(1, 3.0), (2, 7.0), (3, 13.0), (4, 17.0), (5, 23.0)]


def test_who_should_have_left_long_ago_may_still_take_a_while() -> None:
    clock = Clock()
    gate = FifoGate(1, 100, clock)
    gate.enter("a")
    clock.now_s += 100
    assert told(gate, 2) == [(1, 0.5), (2, 2.5)]


def test_a_place_that_is_taken_away_is_nobodys_turn() -> None:
    clock = Clock()
    gate = FifoGate(3, 100, clock)
    for _ in range(3):
        gate.enter("a")
        clock.now_s += 0.5
    gate.resize(1, 100)
    ((position, eta_s),) = told(gate, 1)
    # The first two who leave make no room: the third one does, 2 s after it came in.
    assert (position, eta_s) == (1, 1.5)


def test_those_who_do_not_stream_are_told_nothing() -> None:
    gate = FifoGate(1, 100, Clock())
    gate.enter("a")
    gate.wait("a", lambda _: None)
    gate.tell_positions()
    assert gate.waiting == 1


# -- live


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, standin: RunningStandin
) -> Iterator[RunningGateway]:
    """Yield a gateway whose models `bench` and `other` serve one request at a time; `both` tries
    one after the other.
    """
    settings = {
        "deployments.bench.max_in_flight": 1,
        "deployments.bench.max_output_tokens": 1000,
        "deployments.bench.queue_timeout_s": 4.0,
        "deployments.other": {"url": standin.url, "max_in_flight": 1},
        "routes.both.deployments": ["bench", "other"],
    }
    with run_gateway(tmp_path_factory.mktemp("waiting") / "data", standin.url, settings) as one:
        yield one


class Stream:
    """One streamed request, read as it comes; HTTP/1.0, so that nothing stands between events."""

    def __init__(
        self,
        gateway: RunningGateway,
        content: str,
        model: str = "bench",
        path: str = "/v1/chat/completions",
    ) -> None:
        messages = [{"role": "user", "content": content}]
        asked = {"model": model, "stream": True, "messages": messages}
        if path.startswith("/anthropic"):
            asked["max_tokens"] = 500  # without it nothing is asked for there
        body = json.dumps(asked).encode()
        head = (
            f"POST {path} HTTP/1.0\r\nHost: gw\r\n"
            f"Authorization: Bearer {gateway.key}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.began_s = time.monotonic()
        self._socket = socket.create_connection(("127.0.0.1", gateway.port), timeout=30)
        self._socket.sendall(head.encode() + body)
        self.got = b""

    def until(self, wanted: bytes) -> float:
        """Read until `wanted` has come; return after how many seconds."""
        while wanted not in self.got:
            data = self._socket.recv(65_536)
            assert data, self.got
            self.got += data
        return time.monotonic() - self.began_s

    def rest(self) -> bytes:
        """Read to the end and return everything."""
        while data := self._socket.recv(65_536):
            self.got += data
        return self.got

    def close(self) -> None:
        """Leave."""
        self._socket.close()


def test_a_stream_hears_its_place_and_is_answered(gateway: RunningGateway) -> None:
    with ExitStack() as open_now:
        first = open_now.enter_context(closing(Stream(gateway, "[[standin tokens=175 tps=50]] a")))
        first.until(b"data: ")
        others = [
            open_now.enter_context(closing(Stream(gateway, f"number {number}")))
            for number in range(3)
        ]
        for number, other in enumerate(others):
            assert other.until(b": queued") >= 2.0
            got = other.rest()
            head, _, body = got.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert b"x-request-id: req_" in head
            assert b"x-tramontane-deployment" not in head  # not known then
            assert b"x-ratelimit-remaining-requests" in head
            positions = [int(position) for position, _ in QUEUED.findall(body)]
            assert positions[0] == number + 1
            assert positions == sorted(positions, reverse=True)
            assert body.count(b": serving deployment=bench\n\n") == 1
            assert body.index(b": queued") < body.index(b": serving") < body.index(b"data: ")
            assert b"data: [DONE]" in body


def test_other_dialects_wait_as_their_clients_can_bear(gateway: RunningGateway) -> None:
    paths = {
        "/anthropic/v1/messages": b'"message_stop"',
        "/mistral/v1/chat/completions": b"data: [DONE]",
        "/azure/chat/completions": b"data: [DONE]",
        "/api/chat": b'"done":true',
    }
    with ExitStack() as open_now:
        first = open_now.enter_context(closing(Stream(gateway, "[[standin tokens=130 tps=50]] a")))
        first.until(b"data: ")
        others = {
            path: open_now.enter_context(closing(Stream(gateway, "b", path=path))) for path in paths
        }
        for path, end in paths.items():
            head, _, body = others[path].rest().partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert end in body
            hears = path in ("/anthropic/v1/messages", "/mistral/v1/chat/completions")
            assert (b": queued" in body, b": serving" in body) == (hears, hears)


def test_who_does_not_stream_gets_the_true_status(gateway: RunningGateway) -> None:
    with closing(Stream(gateway, LONG)) as first:
        first.until(b"data: ")
        reply: Reply = gateway.chat("Hello")
        assert (reply.status, reply.code) == (503, "overloaded")
        assert int(reply.fields["retry-after"]) >= 1


def test_who_waits_in_vain_is_told_so_in_the_stream(gateway: RunningGateway) -> None:
    with closing(Stream(gateway, LONG)) as first, closing(Stream(gateway, "Hello")) as second:
        first.until(b"data: ")
        body = second.rest().partition(b"\r\n\r\n")[2]
    assert QUEUED.search(body)
    assert b"[DONE]" not in body
    event = body[body.index(b"data: ") :]
    said, _, retry = event.partition(b"\nretry: ")
    assert json.loads(said.removeprefix(b"data: "))["error"]["code"] == "overloaded"
    assert int(retry.partition(b"\n")[0]) >= 1000


def test_what_is_refused_here_is_refused_with_its_status(gateway: RunningGateway) -> None:
    with closing(Stream(gateway, LONG)) as first:
        first.until(b"data: ")
        hasty = gateway.add_project("hasty", requests_per_minute=1)
        poor = gateway.add_project("poor")
        gateway.set_budget(poor, "day", 1)
        keys = [gateway.add_key(project) for project in (hasty, poor)]
        gateway.until_seen(keys[-1])
        gateway.chat("first", key=keys[0], model="other")
        found = [gateway.chat("Hello", key=key, stream=True) for key in keys]
        found.append(gateway.chat("Hello", stream=True, max_tokens=2000))
        assert [(reply.status, reply.code) for reply in found] == [
            (429, "requests_per_minute_exceeded"),
            (429, "insufficient_quota"),
            (400, "invalid_value"),
        ]


def test_another_queue_is_said_before_its_positions(gateway: RunningGateway) -> None:
    """A position may be higher in another queue, but never without a word."""
    with ExitStack() as open_now:
        firsts = [
            open_now.enter_context(closing(Stream(gateway, text, model)))
            for model, text in (("bench", LONG), ("other", LONG))
        ]
        for one in firsts:
            one.until(b"data: ")
        ahead = open_now.enter_context(closing(Stream(gateway, "ahead", "other")))
        both = open_now.enter_context(closing(Stream(gateway, "wait", "both")))
        both.until(b": moved deployment=other\n\n: queued position=2 ")
        firsts[1].close()
        body = both.rest().partition(b"\r\n\r\n")[2]
        ahead.rest()
    before, _, after = body.partition(b": moved deployment=other\n\n")
    assert {position for position, _ in QUEUED.findall(before)} == {b"1"}
    assert b": serving deployment=other\n\n" in after
    assert b"data: [DONE]" in after


def test_who_leaves_the_queue_is_not_waited_for(gateway: RunningGateway) -> None:
    operator = gateway.add_key(gateway.project, "operator", ("infer", "read", "operate"))
    gateway.until_seen(operator)
    with closing(Stream(gateway, LONG)) as first:
        first.until(b"data: ")
        second = Stream(gateway, "Hello")
        second.until(b": queued")
        second.close()
    gateway.until_idle(operator)
