"""Runs commands as a shell would, over a data folder of its own."""

from pathlib import Path

import pytest

from tests.cli.ran import Ran, Run
from tramontane import cli
from tramontane.datafolder import DataFolder


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """The data folder that commands use, not made yet."""
    return tmp_path / "data"


@pytest.fixture
def run(bare: Run, data_dir: Path) -> Run:
    """A function that runs `tramontane` with its arguments, where a platform was started before."""
    DataFolder(data_dir).prepare()
    return bare


@pytest.fixture
def bare(data_dir: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """A function that runs `tramontane` with its arguments, where there is no platform yet."""
    monkeypatch.setenv("TRAMONTANE_DATA", str(data_dir))
    monkeypatch.delenv("TRAMONTANE_CONFIG", raising=False)

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
