"""A drill on stand-ins under load: nothing reaches whom it takes away, and hardly anybody
notices.
"""

import http.client
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.platform import COMMAND, RunningPlatform, run_command, run_platform
from tests.processes import RunningStandin, run_standin
from tramontane.providers.standin import Behaviour, StandinOptions
from tramontane.store.windows import read_time

pytestmark = pytest.mark.slow

CLIENTS = 16
DRILL_S = 12
PAUSE_S = 0.15
WITHIN_S = 30.0
CONFIGURATION = """
guide = false
demo = false
[limits]
requests_per_minute = 1_000_000
tokens_per_minute = 1_000_000_000
[providers.first]
kind = "mistral"
url = "{first}"
key_env = "FIRST_KEY"
[providers.second]
kind = "openai"
url = "{second}"
key_env = "SECOND_KEY"
[deployments.at-first]
provider = "first"
upstream_model = "any"
price = {{ input_per_mtok = "2", output_per_mtok = "6" }}
[deployments.at-second]
provider = "second"
upstream_model = "any"
price = {{ input_per_mtok = "3", output_per_mtok = "9" }}
[routes.both]
deployments = ["at-first", "at-second"]
[routes.falls]
deployments = ["at-first"]
fallbacks = ["at-second"]
[routes.alone]
deployments = ["at-first"]
"""


class Load:
    """Clients that ask all the time, every second one for a stream."""

    def __init__(self, platform: RunningPlatform, models: tuple[str, ...]) -> None:
        self.results: list[tuple[str, float, bool]] = []  # model, when begun, whether answered
        self._platform = platform
        self._models = models
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(CLIENTS)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def answered(self, model: str, since_s: float, until_s: float) -> tuple[int, int]:
        """Return how many were answered of how many that began in that time."""
        found = [ok for name, at, ok in self.results if name == model and since_s <= at < until_s]
        return sum(found), len(found)

    def _run(self, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._platform.port, timeout=30)
        asked = number
        while not self._stop.wait(PAUSE_S):
            asked += 1
            model = self._models[asked % len(self._models)]
            began = time.time()
            try:
                ok = self._ask(connection, model, is_stream=bool(asked & 1))
            except (OSError, http.client.HTTPException):
                connection.close()
                ok = False
            self.results.append((model, began, ok))
        connection.close()

    def _ask(self, connection: http.client.HTTPConnection, model: str, *, is_stream: bool) -> bool:
        message = {"role": "user", "content": "over the mountains"}
        body = {"model": model, "stream": is_stream, "max_tokens": 20, "messages": [message]}
        fields = {"Authorization": f"Bearer {self._platform.key}"}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), fields)
        answer = connection.getresponse()
        text = answer.read()
        return answer.status == 200 and (not is_stream or b"[DONE]" in text)


class Setup:
    """Two providers and a platform that knows both."""

    def __init__(
        self,
        first: RunningStandin,
        second: RunningStandin,
        platform: RunningPlatform,
        options: tuple[str, ...],
    ) -> None:
        self.first, self.second, self.platform, self.options = first, second, platform, options

    def command(self, *arguments: str) -> Any:
        """Return the JSON of a command."""
        ran = run_command(*arguments, "--json", *self.options)
        assert ran.returncode == 0, ran.stderr
        return json.loads(ran.stdout)

    def begin(self, seconds: int) -> subprocess.Popen[bytes]:
        """Begin a drill without the first provider, and return once it runs."""
        drill = ("drill", "--without", "first", "--for", f"{seconds}s", "--yes", "--json")
        process = subprocess.Popen([*COMMAND, *drill, *self.options], stdout=subprocess.PIPE)
        self.until(lambda shown: shown["ended_at"] is None)
        return process

    def until(self, holds: Any) -> Any:
        """Return the newest drill once it is so."""
        deadline = time.monotonic() + WITHIN_S
        while True:
            found = self.command("drill")["data"]
            if found and holds(found[0]):
                return found[0]
            assert time.monotonic() < deadline, found
            time.sleep(0.2)


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setup]:
    """Two stand-ins that take a fifth of a second, and a platform before them."""
    folder: Path = tmp_path_factory.mktemp("drill")
    slow = StandinOptions(behaviour=Behaviour(tokens=20, tps=100))
    with ExitStack() as stack:
        first = stack.enter_context(run_standin(slow))
        second = stack.enter_context(run_standin(slow))
        config = folder / "t.toml"
        config.write_text(CONFIGURATION.format(first=first.url, second=second.url))
        options = ("--config", str(config), "--data", str(folder / "data"))
        environ = {"FIRST_KEY": "one", "SECOND_KEY": "two"}
        os.environ.update(environ)
        platform = stack.enter_context(
            run_platform(folder / "data", "--config", str(config), environ=environ)
        )
        yield Setup(first, second, platform, options)


def test_under_load_almost_all_is_answered_and_nothing_reaches_whom_is_away(setup: Setup) -> None:
    with Load(setup.platform, ("both", "falls", "alone")) as load:
        time.sleep(4)
        drill = setup.begin(DRILL_S)
        begun_s = time.time()
        time.sleep(2)
        setup.first.reset()
        out, _ = drill.communicate(timeout=DRILL_S + WITHIN_S)
        meanwhile = [request.started_at_ms / 1000 for request in setup.first.requests]
        time.sleep(2)
    assert drill.returncode == 0
    shown = json.loads(out)
    report = shown["report"]
    assert report["taken"] == ["at-first"]
    models = {model["model"]: model for model in report["models"]}

    # Nobody asked the provider that was away, until it was back.
    ended_s = read_time(shown["ends_at"]) / 1000  # it began before its command was heard of
    assert not [at for at in meanwhile if at < ended_s - 1.5]
    assert load.answered("alone", ended_s + 1, ended_s + 30)[0] > 0

    # Both ways round it, almost all was answered, as clients saw it and as the report says.
    for name, expected in (("both", "stands"), ("falls", "falls_back")):
        answered, asked = load.answered(name, begun_s, ended_s)
        assert asked > 100 and answered / asked >= 0.99
        during = models[name]["during"]
        assert models[name]["expected"] == expected
        assert during["answered_share"] >= 0.99
        assert models[name]["recovery_ms"] < 2_000
        assert set(during["by_deployment"]) <= {"at-first", "at-second"}
    assert report["recovery_ms"] < 2_000
    assert report["expected_to_stand"]["answered_share"] >= 0.99

    # What nothing was left for failed, and is told apart.
    assert models["alone"]["expected"] == "lost"
    assert models["alone"]["during"]["failed"] > 0
    assert models["alone"]["recovery_ms"] is None or models["alone"]["recovery_ms"] > 5_000
    # The second provider is dearer: the report shows what that cost.
    each = {name: float(models["both"][name]["cost"]) for name in ("before", "during")}
    counts = {name: models["both"][name]["answered"] for name in ("before", "during")}
    assert each["during"] / counts["during"] > 1.3 * each["before"] / counts["before"]


def test_it_ends_by_itself_where_the_command_is_killed(setup: Setup) -> None:
    drill = setup.begin(6)
    drill.send_signal(signal.SIGKILL)
    drill.wait(10)
    if drill.stdout is not None:
        drill.stdout.close()
    ended = setup.until(lambda shown: shown["ended_at"] is not None)
    assert ended["ended_at"] == ended["ends_at"]
    with Load(setup.platform, ("alone",)) as load:
        time.sleep(2)
    answered, asked = load.answered("alone", 0, time.time())
    assert answered == asked > 0


def test_it_can_be_ended_before_its_time(setup: Setup) -> None:
    begun = setup.command("drill", "--without", "first", "--for", "1h", "--yes", "--detach")
    assert begun["taken"] == ["at-first"]
    (ended,) = setup.command("drill", "--stop")["ended"]
    assert ended["id"] == begun["id"] and ended["ended_at"] < ended["ends_at"]
