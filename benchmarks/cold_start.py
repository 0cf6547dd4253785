"""How long who asks a sleeping model waits for its first token, beside what its engine takes.

    python benchmarks/cold_start.py [--rounds 10] [--megabytes 400]

For the demonstration model and a larger one of random weights, which is written for it: the time
from the request to the first token of the answer when the engine runs, when it sleeps, and when it
sleeps and its file is not in the page cache either. The floor is the same engine's child, started
by hand and asked directly: nothing that wakes an engine can be quicker. Rounds alternate, so that
whatever else the machine does falls on all alike. Prints Markdown.
"""

import argparse
import http.client
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psutil

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.engines.tiny import write_tiny
from tests.platform import RunningPlatform, run_command, run_platform
from tramontane.engines.plan import DEMO_PATH
from tramontane.engines.protocol import Options, Ready

CHILD = (sys.executable, "-P", "-m", "tramontane.engines.llamacpp")
IDLE_S = 0.5
PATIENCE_S = 120.0
WIDTH = 1_024
CONFIG = f"""
demo = false
guide = false

[deployments.asked]
model = "asked"
context_tokens = 1024
scale_to_zero_after_s = {IDLE_S}
"""


def first_token_s(address: str, key: str, began_s: float) -> float:
    """Ask for a stream; return when its first piece of content came, in seconds since `began_s`."""
    connection = http.client.HTTPConnection(address, timeout=PATIENCE_S)
    body = {
        "model": "asked",
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": 4,
        "stream": True,
    }
    try:
        fields = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), fields)
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        while line := answer.readline():
            if line.startswith(b"data: {") and _has_token(json.loads(line[6:])):
                took_s = time.perf_counter() - began_s
                answer.read()
                return took_s
        raise AssertionError("the answer had no content")
    finally:
        connection.close()


def _has_token(event: dict[str, Any]) -> bool:
    """Whether a token has come: random weights may also end at once."""
    return any(
        choice["delta"].get("content") or choice.get("finish_reason") for choice in event["choices"]
    )


def floor_s(model: Path) -> float:
    """Start the engine's child by hand and ask it: seconds to the first token."""
    began_s = time.perf_counter()
    key = secrets.token_hex(16)
    with subprocess.Popen(
        CHILD, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:
        assert child.stdin is not None and child.stdout is not None
        options = Options(
            model_path=str(model), alias="asked", context_tokens=1_024, slots=4, api_key=key
        )
        child.stdin.write(msgspec.json.encode(options) + b"\n")
        child.stdin.flush()
        ready = msgspec.json.decode(child.stdout.readline(), type=Ready)
        took_s = first_token_s(ready.address, key, began_s)
        child.kill()
    return took_s


def drop(path: Path) -> None:
    """Have the system forget the pages of a file that nobody has open."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def state(platform: RunningPlatform) -> str:
    """Return how the engine is by the gateway's account."""
    connection = http.client.HTTPConnection("127.0.0.1", platform.port, timeout=PATIENCE_S)
    connection.request("GET", "/ready")
    found: str = json.loads(connection.getresponse().read())["models"]["asked"]
    connection.close()
    return found


def until_gone(platform: RunningPlatform) -> None:
    """Wait until the engine sleeps and its process has ended."""
    parent = psutil.Process(platform.process.pid)
    deadline_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline_s:
        if not any(map(is_engine, parent.children())) and state(platform) == "asleep":
            return
        time.sleep(0.05)
    raise AssertionError("the engine does not sleep")


def is_engine(process: psutil.Process) -> bool:
    """Whether it is an engine's child that runs."""
    try:
        return "tramontane.engines.llamacpp" in process.cmdline()
    except psutil.NoSuchProcess:  # a zombie too
        return False


def measured(model: Path, rounds: int, folder: Path) -> dict[str, list[float]]:
    """Return the seconds to the first token by kind of start."""
    (folder / "tramontane.toml").write_text(CONFIG)
    options = ("--data", str(folder / "data"), "--config", str(folder / "tramontane.toml"))
    added = run_command("model", "add", str(model), "--name", "asked", *options)
    assert added.returncode == 0, added.stderr
    (stored,) = (folder / "data" / "models").glob("sha256-*.gguf")
    found: dict[str, list[float]] = {}

    def note(kind: str, took_s: float) -> None:
        found.setdefault(kind, []).append(took_s)

    with run_platform(folder / "data", "--config", str(folder / "tramontane.toml")) as platform:
        address, key = f"127.0.0.1:{platform.port}", platform.key or ""

        def ask() -> float:
            return first_token_s(address, key, time.perf_counter())

        steps: dict[str, Callable[[], float]] = {"asleep": ask, "child": lambda: floor_s(stored)}
        for _ in range(rounds):
            for kind, step in steps.items():
                until_gone(platform)
                note(kind, step())
                if kind == "asleep":
                    note("running", ask())
            for kind, step in steps.items():
                until_gone(platform)
                drop(stored)
                note(f"{kind}, file not in memory", step())
    return found


def report(name: str, model: Path, found: dict[str, list[float]]) -> None:
    """Print a row for each kind of start."""
    size = model.stat().st_size / 1e6
    middle = {kind: statistics.median(values) for kind, values in found.items()}
    for kind in ("running", "asleep", "asleep, file not in memory"):
        values = found[kind]
        floor = None if kind == "running" else middle[kind.replace("asleep", "child")]
        beside = "- | -" if floor is None else f"{floor:.2f} s | {middle[kind] / floor:.2f}"
        print(
            f"| {name}, {size:.0f} MB | {kind} | {middle[kind]:.3f} s |"
            f" {min(values):.2f}–{max(values):.2f} s | {beside} |"
        )


def main() -> None:
    """Measure both models."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--megabytes", type=int, default=400)
    given = parser.parse_args()
    print("| model | its engine | first token, median | range | child by hand | ratio |")
    print("| --- | --- | --: | --: | --: | --: |")
    with tempfile.TemporaryDirectory() as where:
        folder = Path(where)
        layers = max(1, given.megabytes * 1_000_000 // layer_bytes(folder))
        large = write_tiny(folder / "large.gguf", layers=layers, width=WIDTH)
        for name, model in (("demo", DEMO_PATH), ("random", large)):
            (folder / name).mkdir()
            report(name, model, measured(model, given.rounds, folder / name))


def layer_bytes(folder: Path) -> int:
    """Return what one layer of such a model takes on disk."""
    sizes = [
        write_tiny(folder / f"{layers}.gguf", layers=layers, width=WIDTH).stat().st_size
        for layers in (1, 2)
    ]
    return sizes[1] - sizes[0]


if __name__ == "__main__":
    main()
