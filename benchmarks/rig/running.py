"""Processes of the benchmark while they run: start, readiness, pinning, stop.

It does not know what the processes do.
"""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from rig import procfs
from rig.contenders import Launch

GATEWAY_CORE = 0
LOAD_CORE = 1
NICE = -15
START_LIMIT_S = 120.0


class Child:
    """One process of ours (and what it starts), output to a file, ended with the block."""

    def __init__(
        self,
        command: list[str],
        log: Path,
        *,
        core: int | None = None,
        environment: dict[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.log = log
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                cwd=cwd,
                preexec_fn=lambda: _place(core),
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the process and what it started: first politely, after 10 s by force."""
        family = procfs.tree(self.process.pid)
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=10)
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()

    def check_alive(self) -> None:
        """Raise RuntimeError with the end of its output where the process has ended."""
        if self.process.poll() is not None:
            tail = self.log.read_text(errors="replace")[-2_000:]
            raise RuntimeError(f"{self.process.args!r} ended:\n{tail}")


def _place(core: int | None) -> None:
    """In a new process: bind it to `core`, and put it before others where that is permitted."""
    if core is not None:
        os.sched_setaffinity(0, {core})
    with contextlib.suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, 0, NICE)


class Gateway(Child):
    """A contender in service, its request path alone on one core, the rest of it on the other."""

    def __init__(self, launch: Launch, folder: Path) -> None:
        self.launch = launch
        began = time.perf_counter()
        super().__init__(
            launch.command,
            folder / f"{launch.name}.log",
            environment=launch.environment,
            cwd=folder,
        )
        try:
            port = next(iter(launch.lanes.values())).port
            _wait_ready(self, port, launch.ready_path or launch.health_path)
            self.ready_s = time.perf_counter() - began
            self.serving = _find_serving(port, launch.health_path, self.process.pid)
        except BaseException:
            self.stop()
            raise

    def pin(self) -> None:
        """Move the process on the path to the gateway's core and all others to the load's."""
        for pid in procfs.tree(self.process.pid):
            with contextlib.suppress(ProcessLookupError, FileNotFoundError):
                procfs.pin(pid, GATEWAY_CORE if pid == self.serving else LOAD_CORE)

    def watch(self) -> dict[str, list[int]]:
        """Return the pids by role: the one on the path, and the rest of its family."""
        rest = [pid for pid in procfs.tree(self.process.pid) if pid != self.serving]
        return {"gateway": [self.serving], "rest": rest}


def _wait_ready(child: Child, port: int, path: str) -> None:
    deadline = time.perf_counter() + START_LIMIT_S
    while time.perf_counter() < deadline:
        child.check_alive()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.005)
    raise RuntimeError(f"{child.process.args!r} was not ready within {START_LIMIT_S:.0f} s")


def _find_serving(port: int, path: str, root: int) -> int:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        client.recv(65_536)
        return procfs.serving_pid(client, procfs.tree(root))
