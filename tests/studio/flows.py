"""Runs a script of browser flows (`driver.mjs`) and answers what it asks for."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from _pytest.mark import ParameterSet

HERE = Path(__file__).parent
Pleas = Mapping[str, Callable[[dict[str, Any]], object]]


def names_in(script: str) -> list[str]:
    """Return the names of the flows in a script, in their order."""
    lines = (HERE / script).read_text().splitlines()
    return [line.split('"')[1] for line in lines if line.startswith('  "') and '": async' in line]


def parameters(script: str) -> list[ParameterSet]:
    """Return the flows as parameters of a test; those that try everything in turn are slow."""
    text = (HERE / script).read_text()
    return [
        pytest.param(name, marks=[pytest.mark.slow] if _is_slow(name, text) else [])
        for name in names_in(script)
    ]


def _is_slow(name: str, text: str) -> bool:
    return f'"{name}": async () => {{ // slow' in text


def left_out(script: str, config: pytest.Config) -> list[str]:
    """Return the slow flows where pytest is not to run slow tests, else none."""
    if "not slow" not in (config.getoption("markexpr") or ""):
        return []
    text = (HERE / script).read_text()
    return [name for name in names_in(script) if _is_slow(name, text)]


def run(node_path: str, script: str, given: object, pleas: Pleas) -> dict[str, str | None]:
    """Return what came of each flow: None, or what went wrong."""
    assert (HERE / "node_modules").exists(), "`make test` installs what drives the browser"
    found: dict[str, str | None] = {}
    command = [node_path, str(HERE / script)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            _say(process, given)
            for line in process.stdout:
                told = msgspec.json.decode(line)
                if "please" in told:
                    _say(process, pleas[told["please"]](told))
                else:
                    found[told["flow"]] = told["error"]
        except BaseException:  # also where a test's time is up
            process.kill()
            raise
    return found


def _say(process: subprocess.Popen[bytes], line: object) -> None:
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(line) + b"\n")
    process.stdin.flush()
