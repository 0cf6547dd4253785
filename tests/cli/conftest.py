"""Runs commands as a shell would, over a data folder of its own."""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from tests import empty
from tests.cli.ran import Ran, Run
from tramontane import cli
from tramontane.datafolder import DataFolder


@cache
def _command() -> Any:
    """The command line, made once: making it takes longer than most commands do."""
    return typer.main.get_command(cli.app)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """The data folder that commands use, not made yet."""
    return tmp_path / "data"


@pytest.fixture
def run(bare: Run, data_dir: Path) -> Run:
    """A function that runs `tramontane` with its arguments, where a platform was started before."""
    empty.prepare(DataFolder(data_dir))
    return bare


@pytest.fixture
def bare(data_dir: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """A function that runs `tramontane` with its arguments, where there is no platform yet."""
    monkeypatch.setenv("TRAMONTANE_DATA", str(data_dir))
    monkeypatch.delenv("TRAMONTANE_CONFIG", raising=False)
    monkeypatch.setattr(cli, "app", _command())

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr("sys.argv", ["tramontane", *map(str, arguments)])
        capfd.readouterr()
        status = 0
        try:
            cli.main()
        except SystemExit as stop:
            assert stop.code is None or isinstance(stop.code, int)
            status = stop.code or 0
        return Ran(status, *capfd.readouterr())

    return run
