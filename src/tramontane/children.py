"""Child processes of `tramontane serve`: started, watched, restarted with back-off, stopped.

A child reads what it needs as one JSON line on stdin, made anew at each start, and ends when
stdin does, so none outlives the parent. On stdout it says `ready`; what it says besides is passed
on as it is. It does not know what the children do. (Engines have a
supervisor of their own.)
"""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from tramontane import log
from tramontane.config import Settings
from tramontane.errors import TramontaneError

RESTART_FIRST_S = 0.25
RESTART_MOST_S = 15.0
HEALTHY_S = 30.0
LOG_BYTES_MAX = 16 * 1024 * 1024

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Child:
    """One supervised process. `state`: starting, ready, restarting, stopped."""

    def __init__(
        self,
        name: str,
        arguments: list[str],
        first_line: Callable[[], Awaitable[bytes]],
        log_path: Path,
        changed: Callable[[], None],
        pass_fds: tuple[int, ...] = (),
        heard: Callable[[bytes], None] | None = None,
    ) -> None:
        """`changed` is called at each change of state, `heard` with each line but `ready`."""
        self.name = name
        self.state = "starting"
        self.process: asyncio.subprocess.Process | None = None
        self.exit_code: int | None = None
        self._arguments = arguments
        self._first_line = first_line
        self._log_path = log_path
        self._changed = changed
        self._pass_fds = pass_fds
        self._heard = heard
        self._stopping = False
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start, and keep running until `stop`."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def ready(self) -> None:
        """Wait until the child has said that it is ready."""
        await self._ready.wait()

    def tell(self, line: bytes) -> bool:
        """Send one line to the child; return False where it is not up."""
        process = self.process
        if process is None or process.stdin is None or process.returncode is not None:
            return False
        process.stdin.write(line + b"\n")
        return True

    async def stop(self, patience_s: float) -> None:
        """Ask to end, and kill after `patience_s`."""
        self._stopping = True
        process = self.process
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), patience_s)
            except TimeoutError:
                process.kill()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        delay_s = RESTART_FIRST_S
        loop = asyncio.get_running_loop()
        while not self._stopping:
            started_s = loop.time()
            try:
                await self._run_once()
            except (TramontaneError, OSError) as error:
                _log.error("%s cannot be started: %s", self.name, error)
            if self._stopping:
                break
            self._set("restarting")
            if loop.time() - started_s > HEALTHY_S:
                delay_s = RESTART_FIRST_S
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, RESTART_MOST_S)
        self._set("stopped")

    async def _run_once(self) -> None:
        line = await self._first_line()
        self._rotate_log()
        with self._log_path.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self._arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                pass_fds=self._pass_fds,
                start_new_session=True,  # Ctrl-C is the parent's to pass on
            )
        self.process = process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(line + b"\n")
        while said := await process.stdout.readline():
            if said.strip() == b"ready":
                self._ready.set()
                self._set("ready")
            elif self._heard is not None:
                self._heard(said)
        self.exit_code = await process.wait()

    def _rotate_log(self) -> None:
        if self._log_path.exists() and self._log_path.stat().st_size > LOG_BYTES_MAX:
            self._log_path.replace(self._log_path.with_suffix(".1.log"))

    def _set(self, state: str) -> None:
        self.state = state
        self._changed()


def read_launch(kind: type[T]) -> T:
    """In a child: return the line on stdin that says what to run with."""
    return msgspec.json.decode(sys.stdin.buffer.readline(), type=kind)


def begin_child(settings: Settings) -> None:
    """In a child whose code is loaded: configure logs, and end when stdin does."""
    gc.freeze()  # what was loaded stays: no collection needs to look at it, nor does the end
    log.configure(settings.log_level)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def say_ready() -> None:
    """In a child: tell the parent that it is ready."""
    sys.stdout.write("ready\n")
    sys.stdout.flush()


def _end_with_parent() -> None:
    while os.read(0, 65_536):  # not through a buffer: its lock would be held when we end
        pass
    os.kill(os.getpid(), signal.SIGTERM)
