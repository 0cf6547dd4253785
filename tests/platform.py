"""The whole platform as a person starts it: `tramontane serve`, in a process of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests import empty
from tramontane.datafolder import DataFolder

COMMAND = (sys.executable, "-m", "tramontane.cli")


class RunningPlatform:
    """What `tramontane serve --json` has said once it was ready."""

    def __init__(self, process: subprocess.Popen[bytes], said: dict[str, Any]) -> None:
        self.process = process
        self.address: str = said["address"]
        self.key: str | None = said["key"]
        self.sign_in: str | None = said["sign_in"]
        self.models: list[str] = said["models"]

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.address.rpartition(":")[2])

    def stop(self) -> int:
        """Stop it as Ctrl-C does; return the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def run_command(
    *arguments: str, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a `tramontane` command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **(environ or {})},
        timeout=60,
        check=False,
    )


@contextmanager
def run_platform(
    data: Path,
    *arguments: str,
    environ: Mapping[str, str] | None = None,
    from_nothing: bool = False,
) -> Iterator[RunningPlatform]:
    """Yield the platform over the folder `data`, ready, on a free port.

    A new folder gets an empty store, which is quicker than having the platform make one, unless
    it is to begin `from_nothing`.
    """
    if not data.exists() and not from_nothing:
        empty.prepare(DataFolder(data))
    command = [*COMMAND, "serve", "--json", "--port", "0", "--data", str(data), *arguments]
    env = {**os.environ, **(environ or {})}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=env) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, f"serve ended before it was ready: status {process.wait(10)}"
            yield RunningPlatform(process, json.loads(line))
        finally:
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
