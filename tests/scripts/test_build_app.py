"""Building the browser app: once per state of its sources, whole or not at all, and stopped with
who asked for it. Node and its tools are played by shell scripts, which say what they were asked.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parent.parent.parent
SCRIPT = ROOT / "scripts" / "build_app.py"

NPM = """#!/bin/sh
echo "npm $1" >>"$CALLS"
mkdir -p node_modules
"""
NODE = """#!/bin/sh
echo "node $(basename "$1")" >>"$CALLS"
[ -e ../broken ] && { echo "unexpected token in App.svelte"; exit 1; }
if [ -e ../slow ]; then sleep 60; fi
out=$4
rm -rf "$out" && mkdir -p "$out/assets"
name=$(cksum <src/main.ts | cut -d ' ' -f 1)
cp src/main.ts "$out/assets/main-$name.js"
echo "<script src=/assets/main-$name.js>" >"$out/index.html"
"""


class Checkout:
    """A folder with a small web/, and a Node that is a script."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.app = folder / "src" / "tramontane" / "studio" / "app"
        self.app.parent.mkdir(parents=True)
        (folder / "web" / "src").mkdir(parents=True)
        (folder / "scripts").mkdir()
        (folder / "web" / "package-lock.json").write_text("{}")
        self.write("one")
        venv = folder / "venv" / "bin"
        venv.mkdir(parents=True)
        for path, text in (
            (venv / "npm", NPM),
            (venv / "node", NODE),
            (folder / "scripts" / "find-node", "#!/bin/sh\n"),
        ):
            path.write_text(text)
            path.chmod(0o755)

    def write(self, text: str) -> None:
        """Change a source of the app."""
        (self.folder / "web" / "src" / "main.ts").write_text(text)

    @property
    def command(self) -> list[str]:
        """What builds it."""
        venv = str(self.folder / "venv")
        return [sys.executable, str(SCRIPT), venv, "--root", str(self.folder)]

    @property
    def environment(self) -> dict[str, str]:
        """Where the scripts say what they were asked."""
        return {**os.environ, "CALLS": str(self.folder / "calls")}

    def build(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Build, and return how it went."""
        return subprocess.run(
            [*self.command, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def calls(self) -> list[str]:
        """Return what was asked of the tools since the last time."""
        path = self.folder / "calls"
        found = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return found

    def scripts(self) -> set[str]:
        """Return the texts of the app's scripts."""
        return {path.read_text() for path in (self.app / "assets").iterdir()}


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "checkout")


def test_it_is_built_once_per_state_of_its_sources(checkout: Checkout) -> None:
    assert checkout.build().returncode == 0
    assert checkout.calls() == ["npm ci", "node vite.js"]
    assert (checkout.app / "index.html").exists()
    assert not (checkout.app / "state.json").exists()
    again = checkout.build()
    assert (again.returncode, again.stderr, checkout.calls()) == (0, "", [])
    (checkout.folder / "web" / "src" / "main.test.ts").write_text("a test is no source")
    checkout.build()
    assert checkout.calls() == []
    checkout.write("two")
    checkout.build()
    assert checkout.calls() == ["node vite.js"]  # the packages are those of before


def test_the_files_of_the_build_before_stay_for_open_tabs(checkout: Checkout) -> None:
    checkout.build()
    checkout.write("two")
    checkout.build()
    assert checkout.scripts() == {"one", "two"}
    checkout.write("three")
    checkout.build()
    assert checkout.scripts() == {"two", "three"}


def test_a_wheel_has_the_newest_only(checkout: Checkout) -> None:
    checkout.build()
    checkout.write("two")
    checkout.build("--clean")
    assert checkout.scripts() == {"two"}
    checkout.write("three")
    checkout.build()
    checkout.build("--clean")
    assert checkout.scripts() == {"three"}


def test_a_failure_says_what_failed_and_leaves_what_was_there(checkout: Checkout) -> None:
    checkout.build()
    checkout.write("two")
    (checkout.folder / "broken").touch()
    done = checkout.build()
    assert done.returncode == 1
    assert "everything else works" in done.stderr
    assert "unexpected token in App.svelte" in done.stderr
    state = json.loads((checkout.app / "state.json").read_text())
    assert state["step"] == "failed"
    assert "unexpected token in App.svelte" in state["detail"]
    assert checkout.scripts() == {"one"}
    (checkout.folder / "broken").unlink()
    assert checkout.build().returncode == 0
    assert not (checkout.app / "state.json").exists()


def test_tools_alone_build_nothing(checkout: Checkout) -> None:
    assert checkout.build("--tools").returncode == 0
    assert checkout.calls() == ["npm ci"]
    assert not (checkout.app / "index.html").exists()


def _until_slow(checkout: Checkout) -> None:
    deadline = time.monotonic() + 20
    while (
        not (checkout.folder / "calls").exists()
        or "node" not in (checkout.folder / "calls").read_text()
    ):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_it_and_all_it_started(checkout: Checkout, number: signal.Signals) -> None:
    (checkout.folder / "slow").touch()
    with subprocess.Popen(checkout.command, env=checkout.environment) as process:
        _until_slow(checkout)
        started = psutil.Process(process.pid).children(recursive=True)
        assert started
        process.send_signal(number)
        assert process.wait(20) == 130
    psutil.wait_procs(started, 10)
    assert not any(child.is_running() for child in started)
    assert not (checkout.app / "state.json").exists()


def test_beside_the_platform_it_ends_with_it(checkout: Checkout) -> None:
    """As `make serve` starts it: by a shell that becomes the platform, with Ctrl-C ignored."""
    (checkout.folder / "slow").touch()
    words = " ".join(f"'{word}'" for word in checkout.command)
    shell = ["sh", "-c", f"{words} --beside & exec sleep 60"]
    with subprocess.Popen(shell, env=checkout.environment) as platform:
        _until_slow(checkout)
        started = psutil.Process(platform.pid).children(recursive=True)
        platform.kill()
        platform.wait()
    psutil.wait_procs(started, 15)
    assert not any(child.is_running() for child in started)
