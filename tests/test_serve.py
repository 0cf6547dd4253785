"""`tramontane serve` through its front door: start, ask, change, crash, stop, start again."""

import http.client
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.platform import COMMAND, RunningPlatform, run_command, run_platform


def ask(platform: RunningPlatform, path: str, body: Any = None, key: str | None = None) -> Any:
    """Return (status, header fields, body) of one request with the first key."""
    connection = http.client.HTTPConnection("127.0.0.1", platform.port, timeout=60)
    try:
        fields = {"Authorization": f"Bearer {key or platform.key}"}
        data = None if body is None else json.dumps(body)
        connection.request("GET" if body is None else "POST", path, data, fields)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def chat(platform: RunningPlatform, **fields: Any) -> Any:
    body = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 8}
    return ask(platform, "/v1/chat/completions", body | fields)


def chat_as(platform: RunningPlatform, key: str) -> Any:
    body = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 2}
    return ask(platform, "/v1/chat/completions", body, key)


def until_known(platform: RunningPlatform, key: str, path: str = "/v1/models") -> None:
    """Wait until a key that was just created is served."""
    deadline = time.monotonic() + 10
    while (answer := ask(platform, path, key=key))[0] != 200:
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the data folder that this module's platform was created over."""
    return tmp_path_factory.mktemp("serve") / "data"


@pytest.fixture(scope="module")
def platform(data: Path) -> Iterator[RunningPlatform]:
    """Yield the platform."""
    with run_platform(data, from_nothing=True) as running:
        yield running


def test_the_first_start_gives_a_key_and_a_model_that_answers(platform: RunningPlatform) -> None:
    assert platform.models == ["guide", "demo"]
    status, fields, body = chat(platform)
    assert status == 200
    assert fields["x-tramontane-demonstration"] == "true"
    said = json.loads(body)
    assert said["object"] == "chat.completion"
    assert said["usage"]["completion_tokens"] <= 8


@pytest.mark.parametrize("stream", [False, True])
def test_the_guide_answers_offline_and_for_nothing(platform: RunningPlatform, stream: bool) -> None:
    asked = [{"role": "user", "content": "Combien font 12 fois 12 ?"}]
    status, fields, body = chat(
        platform, model="guide", messages=asked, max_tokens=50, stream=stream
    )
    assert status == 200
    assert fields["x-tramontane-deployment"] == "guide"
    assert "x-tramontane-demonstration" not in fields
    assert "**12 × 12 = 144**" in body.decode()
    if not stream:
        assert float(fields["x-tramontane-cost"]) == 0
        assert json.loads(body)["usage"]["completion_tokens"] == 5


def test_the_handbook_needs_no_key(platform: RunningPlatform) -> None:
    status, fields, body = ask(platform, "/docs/fr/privacy", key="wrong")
    assert status == 200
    assert "script-src" not in fields["content-security-policy"]
    assert b'<html lang="fr">' in body


def test_health_needs_no_key(platform: RunningPlatform) -> None:
    assert ask(platform, "/health", key="wrong")[::2] == (200, b'{"status":"ok"}')


def test_every_part_says_how_it_is(platform: RunningPlatform) -> None:
    status, _, body = ask(platform, "/ready")
    assert status == 200
    said = json.loads(body)
    assert said["parts"] == {"gateway": "ready", "studio": "ready", "worker": "ready"}
    assert said["models"] == {"guide": "ready", "demo": "ready"}


def test_the_studio_is_reached_through_the_same_address(platform: RunningPlatform) -> None:
    status, fields, body = ask(platform, "/")
    assert status == 200
    assert fields["content-type"].startswith("text/html")
    assert b"Tramontane" in body
    status, _, body = ask(platform, "/api/v1/status")
    assert status == 200
    assert [d["name"] for d in json.loads(body)["deployments"]] == ["demo", "guide"]


def test_usage_counts_what_was_just_answered(platform: RunningPlatform, data: Path) -> None:
    assert chat(platform)[0] == 200
    said = json.loads(run_command("usage", "--data", str(data), "--json").stdout)
    assert said["total"]["requests"] >= 1
    assert said["total"]["estimated_requests"] == 0


@pytest.mark.slow
def test_a_project_made_or_closed_while_it_runs_is_so_at_once(
    platform: RunningPlatform, data: Path
) -> None:
    folder = ["--data", str(data)]
    assert run_command("project", "create", "poor", *folder).returncode == 0
    made = run_command("key", "create", "poor", "laptop", "--json", *folder)
    key = json.loads(made.stdout)["secret"]
    until_known(platform, key)
    assert chat_as(platform, key)[0] == 200
    assert run_command("project", "close", "poor", "--reason", "spent", *folder).returncode == 0
    deadline = time.monotonic() + 10
    while (answer := chat_as(platform, key))[0] == 200:
        assert time.monotonic() < deadline, "the project was not closed"
        time.sleep(0.1)
    assert answer[0] == 403
    assert json.loads(answer[2])["error"]["code"] == "project_closed"


def test_operations_metrics_need_an_operator(platform: RunningPlatform, data: Path) -> None:
    assert chat(platform)[0] == 200
    assert ask(platform, "/metrics")[0] == 403
    created = run_command(
        "key", "create", "default", "ops", "--rights", "operate", "--json", "--data", str(data)
    )  # fmt: skip
    key = json.loads(created.stdout)["secret"]
    until_known(platform, key, "/metrics")
    text = ask(platform, "/metrics", key=key)[2]
    assert b'tramontane_tokens_total{kind="completion",model="demo",project="default"}' in text


def test_a_second_serve_over_the_same_folder_is_refused(
    platform: RunningPlatform, data: Path
) -> None:
    refused = run_command("serve", "--port", "0", "--data", str(data))
    assert refused.returncode == 1
    assert "is served already" in refused.stderr


def test_a_taken_port_is_named(platform: RunningPlatform, tmp_path: Path) -> None:
    refused = run_command("serve", "--port", str(platform.port), "--data", str(tmp_path / "d"))
    assert refused.returncode == 1
    assert f"the port {platform.port} is taken" in refused.stderr


def test_a_crashed_part_comes_back_and_the_rest_goes_on(
    platform: RunningPlatform,
) -> None:
    children = _children(platform.process.pid)
    for part in ("engines.llamacpp", "gateway.process"):
        (pid,) = [pid for pid, command in children.items() if part in command]
        os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while True:
        try:
            if chat(platform)[0] == 200:
                return
        except (OSError, http.client.HTTPException):
            pass  # the gateway is between two lives
        assert time.monotonic() < deadline, "it did not come back"
        time.sleep(0.1)


def test_it_stops_cleanly_and_starts_again_without_a_key(
    platform: RunningPlatform, data: Path
) -> None:
    children = _children(platform.process.pid)
    assert platform.stop() == 0
    assert not [pid for pid in children if psutil.pid_exists(pid)]
    port = _free_port()
    with run_platform(data, "--port", str(port)) as again:
        assert again.port == port
        assert again.key is None
        assert again.models == ["guide", "demo"]
        again.key = platform.key
        assert chat(again)[0] == 200


@pytest.mark.slow
def test_a_further_key_is_given_to_who_asks(platform: RunningPlatform, data: Path) -> None:
    if platform.process.poll() is None:
        platform.stop()
    with run_platform(data, "--issue-key") as third:
        assert third.key is not None
        assert third.key != platform.key
        assert chat(third)[0] == 200


@pytest.mark.slow
def test_a_missing_engine_takes_down_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "no-engine"
    folder.mkdir()
    (folder / "xllamacpp.py").write_text("raise ImportError('no wheel for this platform')\n")
    environ = {"PYTHONPATH": str(folder)}
    with run_platform(tmp_path / "data", environ=environ) as platform:
        assert platform.models == ["guide"]
        status, _, body = chat(platform)
        assert status == 503
        assert "demo" in json.loads(body)["error"]["message"]
        assert ask(platform, "/")[0] == 200
        assert ask(platform, "/v1/models")[0] == 200


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _children(pid: int) -> dict[int, str]:
    """Return the command lines of the children of `pid`, by their pids."""
    return {child.pid: " ".join(child.cmdline()) for child in psutil.Process(pid).children()}


def test_what_the_first_start_prints_works_as_it_stands(tmp_path: Path) -> None:
    folder = tmp_path / "its data"
    command = [*COMMAND, "serve", "--port", "0", "--data", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = []
            while "Ctrl-C" not in (line := process.stdout.readline()):
                assert line, "serve ended before it was ready"
                lines.append(line)
            said = "".join(lines)
            typed = said[said.index("export TRAMONTANE_KEY") :]
            typed = typed.replace("For commands in another terminal:", "")
            done = subprocess.run(
                ["sh", "-euc", f"{typed}\n\n{' '.join(COMMAND)} usage --json"],
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            answer, rest = json.JSONDecoder().raw_decode(done.stdout)
            assert answer["choices"][0]["finish_reason"] == "stop"
            assert "36" in answer["choices"][0]["message"]["content"]
            assert json.loads(done.stdout[rest:])["total"] is not None
            assert not (tmp_path / "data").exists()
        finally:
            process.terminate()
            process.wait(60)
