"""The whole platform, its studio and its worker killed at any moment, while documents come in."""

import hashlib
import http.client
import json
import os
import random
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.documents.crashing import text_of
from tests.platform import RunningPlatform, run_platform


class Sender(threading.Thread):
    """Sends documents, one after the other, whatever answers; knows what was acknowledged."""

    def __init__(self, platform: RunningPlatform, library_id: str, seed: int) -> None:
        super().__init__(daemon=True)
        self.kept: dict[str, str] = {}
        self.refused = 0
        self.is_over = threading.Event()
        self._platform = platform
        self._place = f"/api/v1/libraries/{library_id}/documents"
        self._chance = random.Random(seed)
        self._seed = seed

    def run(self) -> None:
        """Send until it is over."""
        number = 0
        while not self.is_over.is_set():
            number += 1
            name = f"{self._seed}x{number}.md"
            body = text_of(name, self._chance).encode()
            try:
                status, made = call(self._platform, "POST", f"{self._place}?name={name}", body)
            except (OSError, http.client.HTTPException, msgspec.DecodeError):
                status, made = 0, {}
            if status == 201:
                self.kept[made["id"]] = hashlib.sha256(body).hexdigest()
                assert made["sha256"] == self.kept[made["id"]]
            else:
                self.refused += 1
            time.sleep(self._chance.random() * 0.3)


def call(
    platform: RunningPlatform, method: str, path: str, body: bytes = b"", timeout_s: float = 20
) -> tuple[int, Any]:
    """Return the status and the JSON of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", platform.port, timeout=timeout_s)
    try:
        headers = {"authorization": f"Bearer {platform.key}"}
        if body[:1] == b"{":
            headers["content-type"] = "application/json"
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, msgspec.json.decode(answer.read())
    finally:
        connection.close()


def child_of(platform: RunningPlatform, name: str) -> int | None:
    """Return the process of one of the platform's children, None while it is being restarted."""
    listed = subprocess.run(
        ["ps", "-axo", "pid=,ppid=,command="], capture_output=True, text=True, check=True
    )
    for line in listed.stdout.splitlines():
        pid, parent, command = line.split(None, 2)
        if int(parent) == platform.process.pid and f"tramontane.{name}" in command:
            return int(pid)
    return None


def ended(platform: RunningPlatform, library_id: str, within_s: float) -> list[Any]:
    """Return the library's documents once none of them waits any more."""
    deadline_s = time.monotonic() + within_s
    while True:
        assert time.monotonic() < deadline_s
        try:
            _, found = call(platform, "GET", f"/api/v1/libraries/{library_id}/documents")
        except (OSError, http.client.HTTPException):
            found = {}
        every: list[Any] = found.get("data", [])
        if every and all(each["status"] in ("ready", "failed") for each in every):
            return every
        time.sleep(0.5)


@pytest.mark.slow
def test_whatever_is_killed_what_was_acknowledged_is_there(tmp_path: Path) -> None:
    chance = random.Random(5)
    with run_platform(tmp_path / "data") as platform:
        made = json.dumps({"name": "reports"}).encode()
        _, library = call(platform, "POST", "/api/v1/libraries", made)
        senders = [Sender(platform, library["id"], seed) for seed in range(3)]
        for sender in senders:
            sender.start()
        for _ in range(30):
            time.sleep(0.3 + chance.random() * 1.2)
            pid = child_of(platform, chance.choice(["studio", "worker", "worker"]))
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
        for sender in senders:
            sender.is_over.set()
        for sender in senders:
            sender.join(60)
        every = ended(platform, library["id"], 300)
        kept = {id_: sha256 for sender in senders for id_, sha256 in sender.kept.items()}
        assert len(kept) > 10 and sum(sender.refused for sender in senders) > 0
        known = {each["id"]: each for each in every}
        assert known.keys() >= kept.keys()
        for id_, sha256 in kept.items():
            assert known[id_]["sha256"] == sha256
            path = tmp_path / "data" / "files" / sha256[:2] / sha256
            assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256
        assert {each["status"] for each in every} == {"ready"}
