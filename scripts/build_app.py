#!/usr/bin/env python3
"""Builds the browser app of web/ to where the studio serves it from, unless that is done already.

`make serve` runs it beside the platform (`--beside`), `make app` and `make test` before they go on,
and the wheel's build through `hatch_build.py`. It says how far it is in `app/state.json`, which the
studio shows until there is a page to show. It knows nothing of what is in the app.

Needs nothing but Python, and gets Node where there is none (`scripts/find-node`).
"""

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
LEFT_OUT = frozenset({"node_modules", "dist", ".vite", "coverage"})
TESTS = (".test.ts", ".test.svelte.ts")
LOOK_EVERY_S = 0.2
SHOWN_LINES = 15
PATIENCE_S = 3.0


class BuildFailed(Exception):
    """A step went wrong; its text is what to show, its last lines last."""


class Stopped(Exception):
    """Somebody pressed Ctrl-C, or the platform beside which this ran has ended."""


class Built(NamedTuple):
    """What the last build was made from, and what it made."""

    digest: str
    files: Sequence[str]


class Builder:
    """One build: where things are, and who must still be there for it to go on."""

    def __init__(self, root: Path, venv: Path, *, parent: int | None, is_clean: bool) -> None:
        self.web = root / "web"
        self.app = root / "src" / "tramontane" / "studio" / "app"
        self._root = root
        self._venv = venv
        self._parent = parent
        self._is_clean = is_clean
        self._work = root / "build"
        self._log = self._work / "app.log"
        self._state = self.app / "state.json"
        path = os.environ.get("PATH", os.defpath)
        self._env = {**os.environ, "PATH": f"{venv / 'bin'}{os.pathsep}{path}"}

    def tools(self) -> None:
        """Make sure that there is a Node, and what web/package-lock.json names."""
        with self._alone():
            self._log.write_bytes(b"")
            self._get_tools()

    def build(self) -> bool:
        """Build unless web/ is as it was at the last build; return whether it had to be done.

        Raises BuildFailed, Stopped.
        """
        with self._alone():
            digest = digest_of(self.web)
            built = self._built()
            if built.digest == digest:
                self._state.unlink(missing_ok=True)
                if self._is_clean:
                    self._prune(set(built.files))
                return False
            say("Building the browser app (about half a minute the first time)")
            self._log.write_bytes(b"")
            try:
                self._get_tools()
                self._tell("building")
                self._build(digest)
                if self._is_clean:
                    self._prune(set(self._built().files))
            except BuildFailed as failure:
                self._tell("failed", str(failure))
                raise
            except Stopped:
                self._state.unlink(missing_ok=True)
                raise
            self._state.unlink(missing_ok=True)
        return True

    def _get_tools(self) -> None:
        self._tell("node")
        self._run([str(self._root / "scripts" / "find-node"), str(self._venv)], self._root)
        stamp = self.web / "node_modules" / ".installed"
        lock = hashlib.sha256((self.web / "package-lock.json").read_bytes()).hexdigest()
        if stamp.exists() and stamp.read_text() == lock:
            return
        self._tell("packages")
        self._run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], self.web)
        stamp.write_text(lock)

    def _build(self, digest: str) -> None:
        out = self._work / "app"
        vite = str(self.web / "node_modules" / "vite" / "bin" / "vite.js")
        self._run(["node", vite, "build", "--outDir", str(out), "--emptyOutDir"], self.web)
        self._put(out, digest)

    def _put(self, out: Path, digest: str) -> None:
        """Put the new files beside the old, the index last, so that there is always a whole app.

        Those of the build before stay: a tab that is still open may want a part that it has not
        loaded yet. Older ones go.
        """
        files = sorted(p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file())
        for name in sorted(files, key=lambda name: name.startswith("index.html")):
            target = self.app / name
            target.parent.mkdir(parents=True, exist_ok=True)
            draft = target.with_name(f".{target.name}.new")
            shutil.copyfile(out / name, draft)
            draft.replace(target)
        self._prune({*files, *self._built().files})
        built = Built(digest, tuple(files))
        (self.app / "built.json").write_text(json.dumps(built._asdict()))

    def _prune(self, files: set[str]) -> None:
        kept = {*files, "built.json", self._state.name}
        for path in [p for p in self.app.rglob("*") if p.is_file()]:
            if path.relative_to(self.app).as_posix() not in kept:
                path.unlink()

    def _built(self) -> "Built":
        if (self.app / "index.html").exists():
            with contextlib.suppress(OSError, ValueError, TypeError):
                return Built(**json.loads((self.app / "built.json").read_text()))
        return Built("", ())

    def _tell(self, step: str, detail: str = "") -> None:
        state = {"step": step, "detail": detail[-4000:], "pid": os.getpid()}
        draft = self._state.with_name(".state.json.new")
        draft.write_text(json.dumps(state))
        draft.replace(self._state)

    def _run(self, command: list[str], folder: Path) -> None:
        """Run a command to its end; its output goes to the log."""
        with self._log.open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # so that all it started can be ended together
            )
            try:
                while process.poll() is None:
                    self._check_parent()
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(LOOK_EVERY_S)
            finally:
                _end(process)
        if process.returncode != 0:
            lines = self._log.read_text(errors="replace").strip().splitlines()
            said = "\n".join(lines[-SHOWN_LINES:])
            raise BuildFailed(f"{Path(command[0]).name} ended with {process.returncode}:\n{said}")

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait for another build of the same folder to end."""
        self._work.mkdir(exist_ok=True)
        self.app.mkdir(exist_ok=True)
        with (self._work / "app.lock").open("w") as lock:
            is_told = False
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if not is_told:
                        say("Another process is building the browser app; waiting for it")
                    is_told = True
                self._check_parent()
                time.sleep(LOOK_EVERY_S)
            yield

    def _check_parent(self) -> None:
        if self._parent is not None and os.getppid() != self._parent:
            raise Stopped


def digest_of(web: Path) -> str:
    """Return a hash of every file of web/ that the app is made from, with its name."""
    found = hashlib.sha256()
    for folder, folders, names in os.walk(web):
        folders[:] = sorted(name for name in folders if name not in LEFT_OUT)
        for name in sorted(names):
            if not name.endswith(TESTS):
                path = Path(folder, name)
                body = path.read_bytes()
                found.update(f"{path.relative_to(web).as_posix()}\0{len(body)}\0".encode())
                found.update(body)
    return found.hexdigest()


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE_S)


def say(text: str) -> None:
    """Tell the person at the terminal."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped


def main(arguments: list[str]) -> int:
    """Do what the command line asks; return the exit status."""
    parser = argparse.ArgumentParser(description="Build the browser app unless it is built.")
    parser.add_argument("venv", type=Path, help="the environment that is given a Node if needed")
    parser.add_argument(
        "--beside", action="store_true", help="end with the process that started this one"
    )
    parser.add_argument("--clean", action="store_true", help="keep nothing of earlier builds")
    parser.add_argument("--tools", action="store_true", help="only install what builds it")
    parser.add_argument("--root", type=Path, default=ROOT, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    # A shell starts what runs beside it with Ctrl-C ignored, hence both by hand.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    parent = os.getppid() if given.beside else None
    builder = Builder(given.root, given.venv.resolve(), parent=parent, is_clean=given.clean)
    try:
        if given.tools:
            builder.tools()
        elif builder.build():
            say("The browser app is built; an open page shows it by itself")
    except BuildFailed as failure:
        say("The browser app could not be built; everything else works. To try again: make app")
        say(str(failure))
        return 1
    except Stopped:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
