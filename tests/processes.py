"""Processes that tests start and stop: the stand-in as a neighbour, not as a part of the test."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from tramontane.providers.standin import Request, StandinOptions


class RunningStandin:
    """A stand-in in a process of its own. `url` is the base address with /v1."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, port: int) -> None:
        self.process = process
        self.url = url
        self.port = port

    @property
    def requests(self) -> list[Request]:
        """What it was asked so far, oldest first; plain HTTP only."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/standin/requests") as answer:
            return msgspec.json.decode(answer.read(), type=list[Request])

    def reset(self) -> None:
        """Have it forget what it was asked."""
        url = f"http://127.0.0.1:{self.port}/standin/reset"
        with urllib.request.urlopen(urllib.request.Request(url, method="POST")) as answer:
            answer.read()


@contextmanager
def run_standin(
    options: StandinOptions = StandinOptions(),  # noqa: B008
) -> Iterator[RunningStandin]:
    """Yield a stand-in that runs in a process of its own and is stopped at the end."""
    command = [sys.executable, "-m", "tramontane.providers.standin"]
    command.append(msgspec.json.encode(options).decode())
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, "the stand-in ended before it listened; its words are above"
            started = json.loads(line)
            yield RunningStandin(process, started["address"], started["port"])
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
