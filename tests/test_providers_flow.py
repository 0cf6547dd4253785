"""A provider entered in the page of a real platform: served at once, its key nowhere in clear."""

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.platform import RunningPlatform, run_command, run_platform
from tests.processes import RunningStandin, run_standin
from tramontane.providers.standin import StandinOptions

CANARY = "sk-canary-9f8e7d6c5b4a39281706"
WITHIN_S = 10.0


@pytest.fixture(scope="module")
def standin() -> Iterator[RunningStandin]:
    """Yield a provider that wants the key."""
    with run_standin(StandinOptions(api_key=CANARY, models=("upstream-large",))) as running:
        yield running


def call(
    platform: RunningPlatform, key: str, method: str, path: str, body: object = None
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", platform.port, timeout=30)
    sent = None if body is None else json.dumps(body)
    fields = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection.request(method, path, sent, fields)
    answer = connection.getresponse()
    got = answer.read()
    connection.close()
    assert CANARY.encode() not in got
    return answer.status, json.loads(got) if got else None


def chat(platform: RunningPlatform, key: str) -> tuple[int, Any]:
    """Ask the entered model, until it is what was configured."""
    body = {"model": "far", "messages": [{"role": "user", "content": "over the mountains"}]}
    return call(platform, key, "POST", "/v1/chat/completions", body)


def until(platform: RunningPlatform, key: str, status: int) -> Any:
    deadline = time.monotonic() + WITHIN_S
    while True:
        got, said = chat(platform, key)
        if got == status:
            return said
        assert time.monotonic() < deadline, (got, said)
        time.sleep(0.1)


@pytest.mark.slow
def test_a_provider_is_entered_served_kept_and_forgotten(
    tmp_path: Path, standin: RunningStandin
) -> None:
    data = tmp_path / "data"
    with run_platform(data) as platform:
        assert platform.key is not None
        made = run_command(
            "key", "create", "default", "operator", "--rights", "infer,read,operate",
            "--json", "--data", str(data),
        )  # fmt: skip
        operator = json.loads(made.stdout)["secret"]
        entered = {
            "name": "far",
            "url": standin.url,
            "upstream_model": "upstream-large",
            "key": CANARY,
            "price": {"input_per_mtok": "1", "output_per_mtok": "2"},
        }
        trial = {name: entered[name] for name in ("url", "key", "upstream_model")}
        deadline = time.monotonic() + WITHIN_S
        while call(platform, operator, "GET", "/api/v1/status")[0] != 200:
            assert time.monotonic() < deadline
        status, found = call(platform, operator, "POST", "/api/v1/deployments/test", trial)
        assert (status, found["ok"]) == (200, True)
        status, found = call(platform, operator, "POST", "/api/v1/deployments", entered)
        assert status == 201, found
        said = until(platform, platform.key, 200)
        assert said["choices"][0]["message"]["content"] == "over the mountains"
        assert state_of_far(platform, operator) == "ready"
        key = platform.key
        assert platform.stop() == 0
    assert everything(data).count(CANARY.encode()) == 0

    with run_platform(data) as platform:
        assert "far" in platform.models
        until(platform, key, 200)
        removed, _ = call(platform, operator, "DELETE", "/api/v1/deployments/far")
        assert removed == 204
        until(platform, key, 404)
        assert platform.stop() == 0
    assert everything(data).count(CANARY.encode()) == 0


def state_of_far(platform: RunningPlatform, operator: str) -> str:
    """Return how the page shows it, as soon as that is not what it was."""
    deadline = time.monotonic() + WITHIN_S
    while True:
        _, listed = call(platform, operator, "GET", "/api/v1/deployments")
        (far,) = [each for each in listed["data"] if each["name"] == "far"]
        if far["state"] != "unprobed" or time.monotonic() > deadline:
            return str(far["state"])
        time.sleep(0.2)


def everything(folder: Path) -> bytes:
    """Return every byte of every file, the store's, the journal's and the logs' too (SE1)."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.suffix == ".db" for path in files)
    assert any(path.name == "studio.log" for path in files)
    return b"".join(path.read_bytes() for path in files)
