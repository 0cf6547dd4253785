"""The data folder: paths, and a pepper that is made once and never remade."""

import subprocess
import sys
from pathlib import Path

import pytest

from tramontane.datafolder import DataFolder
from tramontane.errors import ConfigError


def test_a_prepared_folder_is_its_owner_s_alone(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "a" / "data")
    assert folder.is_new
    folder.prepare()
    assert not DataFolder(folder.path).is_new
    assert {path.name for path in folder.path.iterdir()} == {
        "journal", "models", "files", "tables", "run", "logs", "pepper"
    }  # fmt: skip
    for path in folder.path.iterdir():
        assert path.stat().st_mode & 0o777 == (0o600 if path.name == "pepper" else 0o700)
    assert folder.path.stat().st_mode & 0o777 == 0o700


def test_the_pepper_stays(tmp_path: Path) -> None:
    first = DataFolder(tmp_path)
    first.prepare()
    first.prepare()
    assert len(first.pepper()) == 32
    assert DataFolder(tmp_path).pepper() == first.pepper()
    other = DataFolder(tmp_path / "other")
    other.prepare()
    assert other.pepper() != first.pepper()


def test_processes_that_start_together_agree_on_the_pepper(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from tramontane.datafolder import DataFolder;"
        "folder = DataFolder(Path(sys.argv[1])); folder.prepare(); print(folder.pepper().hex())"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "data")]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(6)]
    seen = {process.communicate(timeout=60)[0] for process in started}
    assert len(seen) == 1
    assert len(seen.pop().strip()) == 64
    assert [p.name for p in (tmp_path / "data").iterdir() if p.name.startswith("pepper")] == [
        "pepper"
    ]


def test_a_lost_or_cut_pepper_is_never_replaced(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.prepare()
    folder.database.touch()
    folder.pepper_file.write_bytes(b"short")
    with pytest.raises(ConfigError, match="5 bytes"):
        folder.prepare()
    folder.pepper_file.unlink()
    with pytest.raises(ConfigError, match="restore it from a backup"):
        folder.prepare()
    assert not folder.pepper_file.exists()


def test_a_folder_that_cannot_be_used_says_what_to_change(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="--data"):
        DataFolder(tmp_path / "file").prepare()


def test_children_find_files_and_tables_wherever_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = DataFolder(Path("data"))
    assert (folder.files, folder.tables) == (tmp_path / "data/files", tmp_path / "data/tables")
