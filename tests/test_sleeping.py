"""Engines that stop for want of requests and start for them, with real processes throughout."""

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import psutil
import pytest

from tests.platform import RunningPlatform, run_command, run_platform
from tramontane.config import load
from tramontane.engines.plan import DEMO_PATH
from tramontane.store import engines
from tramontane.store.database import open_store
from tramontane.store.records import EngineInstance

PATIENCE_S = 60.0
AT_ONCE = 20
CONFIG_NAME = "tramontane.toml"
CONFIG = """
demo = false
guide = false

[deployments.sleepy]
model = "small"
max_in_flight = 2
scale_to_zero_after_s = 0.6
"""


class Asked(threading.Thread):
    """One chat request on a connection of its own; `status` and `body` once it has ended."""

    def __init__(self, platform: RunningPlatform, *, stream: bool = False) -> None:
        super().__init__(daemon=True)
        self.platform = platform
        self.stream = stream
        self.status = 0
        self.body = b""

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.platform.port, timeout=PATIENCE_S)
        try:
            asked = {
                "model": "sleepy",
                "messages": [{"role": "user", "content": "Hello"}],
                "max_tokens": 4,
                "stream": self.stream,
            }
            fields = {"Authorization": f"Bearer {self.platform.key}"}
            connection.request("POST", "/v1/chat/completions", json.dumps(asked), fields)
            answer = connection.getresponse()
            self.status, self.body = answer.status, answer.read()
        finally:
            connection.close()

    def answered(self) -> "Asked":
        """Wait for the answer, and return it."""
        self.join(PATIENCE_S)
        return self


def ask(platform: RunningPlatform, *, stream: bool = False) -> Asked:
    asked = Asked(platform, stream=stream)
    asked.start()
    return asked


def get(platform: RunningPlatform, path: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", platform.port, timeout=PATIENCE_S)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {platform.key}"})
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


class Engine:
    """What the store says of the engine of `sleepy`, and what processes there are."""

    def __init__(self, data: Path, platform: RunningPlatform) -> None:
        self._store = open_store(load(None, {"data": str(data)}).store_url)
        self._platform = psutil.Process(platform.process.pid)

    def until_asleep(self, but: str = "") -> EngineInstance:
        """Wait until a child other than that with the nonce `but` was put to sleep."""
        deadline_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline_s:
            with self._store.read() as c:
                found = engines.list_instances(c)
            if found and found[0].state == "asleep" and found[0].nonce != but:
                return found[0]
            time.sleep(0.01)
        raise AssertionError(f"the engine was not put to sleep: {found}")

    def until_gone(self) -> None:
        """Wait until no engine's process runs."""
        deadline_s = time.monotonic() + PATIENCE_S
        while any("tramontane.engines.llamacpp" in each for each in self._commands()):
            assert time.monotonic() < deadline_s, "the engine's process goes on"
            time.sleep(0.01)

    def _commands(self) -> Iterator[list[str]]:
        for child in self._platform.children():
            with contextlib.suppress(psutil.NoSuchProcess):
                yield child.cmdline()

    def close(self) -> None:
        self._store.close()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder with the model file `small`."""
    folder = tmp_path_factory.mktemp("sleeping")
    (folder / CONFIG_NAME).write_text(CONFIG)
    data = folder / "data"
    added = run_command(
        "model", "add", str(DEMO_PATH), "--name", "small", "--data", str(data),
        "--config", str(folder / CONFIG_NAME),
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    return data


@pytest.fixture(scope="module")
def platform(data: Path) -> Iterator[RunningPlatform]:
    with run_platform(data, "--config", str(data.with_name(CONFIG_NAME))) as running:
        yield running


@pytest.fixture(scope="module")
def engine(data: Path, platform: RunningPlatform) -> Iterator[Engine]:
    found = Engine(data, platform)
    yield found
    found.close()


def test_an_idle_engine_ends_and_comes_back_for_who_asks(
    platform: RunningPlatform, engine: Engine
) -> None:
    assert platform.models == ["sleepy"]
    first = engine.until_asleep()
    assert (first.pid, first.address) == (None, None)
    assert first.cold_start_ms is not None
    engine.until_gone()
    answer = ask(platform).answered()
    assert answer.status == 200, answer.body
    assert json.loads(answer.body)["usage"]["completion_tokens"] > 0
    assert engine.until_asleep(but=first.nonce).supports_tools == first.supports_tools


def test_all_who_ask_as_it_falls_asleep_are_answered(
    platform: RunningPlatform, engine: Engine
) -> None:
    before = engine.until_asleep().nonce
    ask(platform).answered()
    engine.until_asleep(but=before)  # which is said before its process has ended
    asked = [ask(platform, stream=i % 2 == 0) for i in range(AT_ONCE)]
    assert [each.answered().status for each in asked] == [200] * AT_ONCE
    assert all(b"[DONE]" in each.body for each in asked if each.stream)


@pytest.mark.slow
def test_whoever_asks_around_the_moment_of_falling_asleep_is_answered(
    platform: RunningPlatform, engine: Engine
) -> None:
    random = Random(7)
    said: list[int] = []

    def client(pauses_s: list[float]) -> None:
        for pause_s in pauses_s:
            said.append(ask(platform, stream=random.random() < 0.5).answered().status)
            time.sleep(pause_s)  # not to wait for anything: this is when the next one comes

    pauses = [[random.uniform(0.5, 0.9) for _ in range(40)] for _ in range(2)]
    clients = [threading.Thread(target=client, args=(each,)) for each in pauses]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    assert said == [200] * 80


def test_what_sleeps_is_listed_and_ready_to_be_asked(platform: RunningPlatform) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while (told := get(platform, "/ready")["models"]) != {"sleepy": "asleep"}:
        assert time.monotonic() < deadline_s, told
        time.sleep(0.05)
    assert [each["id"] for each in get(platform, "/v1/models")["data"]] == ["sleepy"]


@pytest.mark.slow
def test_a_platform_that_starts_again_leaves_it_asleep(
    data: Path, platform: RunningPlatform, engine: Engine
) -> None:
    before = engine.until_asleep()
    assert platform.stop() == 0
    with run_platform(data, "--issue-key", "--config", str(data.with_name(CONFIG_NAME))) as again:
        assert again.models == ["sleepy"]
        now = engine.until_asleep()
        assert (now.nonce, now.cold_start_ms) == (before.nonce, before.cold_start_ms)
        answer = ask(again).answered()
        assert answer.status == 200, answer.body
