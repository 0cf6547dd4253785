"""What the gateway tells of deployments at work: by a clock set by hand, then at the door."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.test_door import Door
from tests.processes import RunningStandin
from tests.running import RunningGateway, run_gateway
from tramontane.assistant.gateway_loads import loads
from tramontane.gateway.account import WINDOW_S, Account, Load
from tramontane.gateway.admission import FifoGate


class At:
    """What an account looks at of a service, with a clock set by hand."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.gate = FifoGate(2, 8, lambda: self.now_s)
        self.completion_tokens = 0
        self.account = Account()

    @property
    def deployment(self) -> "At":
        return self

    name = "small"

    def answer(self, seconds: float, tokens: int) -> None:
        permit = self.gate.enter("a")
        assert permit is not None
        for _ in range(int(seconds)):
            self.tick()
        self.completion_tokens += tokens
        self.gate.release(permit)
        self.tick()

    def tick(self, seconds: float = 1.0) -> None:
        self.account.note([self], self.now_s, int(self.now_s * 1_000))  # type: ignore[list-item]
        self.now_s += seconds

    def load(self) -> Load:
        return self.account.loads({"small": self}, self.now_s)["small"]  # type: ignore[dict-item]


def test_it_counts_the_last_minute_and_busy_seconds_only() -> None:
    at = At()
    assert at.load() == Load(
        in_flight=0, waiting=0, places=2, eta_s=None, tokens_per_s=None, requests_last_minute=0,
        last_used_ms=None,
    )  # fmt: skip
    at.answer(3, 80)
    at.tick(20)
    at.answer(0, 20)
    seen = at.load()
    assert (seen.requests_last_minute, seen.tokens_per_s) == (2, 20.0)  # 100 in five seconds
    assert seen.last_used_ms == 1_024_000
    at.now_s += WINDOW_S - 5  # the first answer began and ended before that
    assert (at.load().requests_last_minute, at.load().tokens_per_s) == (1, 20.0)
    at.now_s += WINDOW_S
    assert (at.load().requests_last_minute, at.load().tokens_per_s) == (0, None)
    assert at.load().last_used_ms == 1_024_000


def test_a_long_busy_time_keeps_a_minute() -> None:
    at = At()
    for _ in range(2 * WINDOW_S):
        at.answer(0, 10)
    assert at.load().requests_last_minute == WINDOW_S - 1  # and the second that has begun
    assert at.load().tokens_per_s == 10.0


def test_who_is_full_says_when_a_place_is_free() -> None:
    at = At()
    at.gate.enter("a")
    assert at.load().eta_s is None
    at.gate.enter("a")
    at.gate.wait("a", lambda _: None)
    seen = at.load()
    assert (seen.in_flight, seen.waiting) == (2, 1)
    assert seen.eta_s == at.gate.predicted_wait_s(1)


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, standin: RunningStandin
) -> Iterator[RunningGateway]:
    with run_gateway(tmp_path_factory.mktemp("account") / "data", standin.url) as running:
        yield running


def test_the_door_tells_and_the_front_does_not(gateway: RunningGateway, tmp_path: Path) -> None:
    assert gateway.chat("Hello").status == 200
    told = loads(str(gateway.door))
    assert told is not None
    assert (told["bench"].in_flight, told["bench"].requests_last_minute) == (0, 1)
    assert gateway.request("GET", "/loads", key=gateway.key).status != 200
    door = Door(gateway.door)
    door.request("POST", "/loads", "{}")
    assert door.getresponse().status == 405
    door.close()
    assert loads(str(tmp_path / "none.sock")) is None
