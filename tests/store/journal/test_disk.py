"""The real disk and the simulated one do the same; the simulated one also fails and forgets."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tramontane.errors import Conflict
from tramontane.store.journal import Disk, FolderDisk
from tramontane.store.journal.simulated_disk import Crash, SimulatedDisk


@pytest.fixture(params=["folder", "simulated"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Disk:
    if request.param == "folder":
        return FolderDisk(tmp_path / "journal")
    return SimulatedDisk(Random(1))


def test_a_file_lives_and_ends(disk: Disk) -> None:
    fd = disk.create("a.open")
    disk.allocate(fd, 10_000)
    assert disk.read("a.open") == bytes(10_000)
    assert disk.pwrite(fd, b"hello", 20) == 5
    disk.sync(fd)
    disk.sync_folder()
    disk.close(fd)
    disk.rename("a.open", "a.done")
    assert disk.names() == ["a.done"]
    assert disk.read("a.done", 18, 9) == b"\0\0hello\0\0"
    assert disk.read("a.done", 9_999) == b"\0"
    disk.unlink("a.done")
    assert disk.names() == []


def test_what_is_not_there(disk: Disk) -> None:
    with pytest.raises(FileNotFoundError):
        disk.read("none")
    with pytest.raises(FileNotFoundError):
        disk.unlink("none")
    with pytest.raises(FileNotFoundError):
        disk.rename("none", "other")
    disk.close(disk.create("there"))
    with pytest.raises(FileExistsError):
        disk.create("there")


def test_one_owner_at_a_time(disk: Disk) -> None:
    disk.lock("lock")
    disk.lock("other")
    with pytest.raises(Conflict, match="in use"):
        disk.lock("lock")
    disk.unlock()
    disk.lock("lock")
    disk.unlock()


def test_another_process_is_told_who_has_it(tmp_path: Path) -> None:
    disk = FolderDisk(tmp_path)
    disk.lock("lock")
    script = (
        "import sys; from pathlib import Path; from tramontane.store.journal import FolderDisk\n"
        "FolderDisk(Path(sys.argv[1])).lock('lock')"
    )
    command = [sys.executable, "-c", script, str(tmp_path)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert f"in use by process {os.getpid()}; stop it first" in found.stderr
    disk.unlock()
    assert subprocess.run(command, check=False).returncode == 0


def test_files_are_their_owners_only(tmp_path: Path) -> None:
    disk = FolderDisk(tmp_path / "journal")
    disk.close(disk.create("a"))
    assert (tmp_path / "journal").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "journal" / "a").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("lacks", ["posix_fallocate", "support"])
def test_zeros_where_room_cannot_be_reserved(
    lacks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # macOS has no such call, some file systems refuse it: the only way to see either here.
    def refuse(fd: int, offset: int, size: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    if lacks == "posix_fallocate":
        monkeypatch.delattr(os, "posix_fallocate", raising=False)
        monkeypatch.delattr(os, "fdatasync", raising=False)
    else:
        monkeypatch.setattr(os, "posix_fallocate", refuse, raising=False)
    disk = FolderDisk(tmp_path)
    fd = disk.create("a")
    disk.allocate(fd, 2_500_000)
    disk.sync(fd)
    disk.close(fd)
    assert disk.read("a") == bytes(2_500_000)
    assert (tmp_path / "a").stat().st_blocks * 512 >= 2_500_000


class TestSimulated:
    """What a test may rely on when it takes the power away."""

    def test_a_kill_keeps_what_was_written(self) -> None:
        disk = SimulatedDisk(Random(1))
        fd = disk.create("a")
        disk.allocate(fd, 1_000)
        disk.pwrite(fd, b"x" * 900, 0)
        disk.restart(power_loss=False)
        assert disk.read("a") == b"x" * 900 + bytes(100)

    def test_a_loss_of_power_keeps_what_was_synced(self) -> None:
        outcomes = set()
        for seed in range(200):
            disk = SimulatedDisk(Random(seed), page_bytes=100)
            fd = disk.create("a")
            disk.allocate(fd, 1_000)
            disk.pwrite(fd, b"x" * 300, 0)
            disk.sync(fd)
            disk.sync_folder()
            disk.pwrite(fd, b"y" * 300, 300)
            disk.rename("a", "b")
            disk.restart(power_loss=True)
            (name,) = disk.names()
            data = disk.read(name)
            assert data[:300] == b"x" * 300
            assert data[600:] == bytes(400)
            outcomes.add((name, data[300:600]))
        assert {name for name, _ in outcomes} == {"a", "b"}
        assert any(data == bytes(300) for _, data in outcomes)
        assert any(data == b"y" * 300 for _, data in outcomes)
        # Pages are lost one by one, not from an end only, and torn inside.
        assert any(data[:100] == bytes(100) and data[-1:] == b"y" for _, data in outcomes)
        assert any(b"y" in data[:100] and 0 in data[:100] for _, data in outcomes)

    def test_a_failed_sync_loses_its_pages_though_the_next_succeeds(self) -> None:
        lost = 0
        for seed in range(50):
            disk = SimulatedDisk(Random(seed))
            fd = disk.create("a")
            disk.allocate(fd, 1_000)
            disk.sync(fd)
            disk.sync_folder()
            disk.pwrite(fd, b"x" * 512, 0)
            disk.fail_sync = True
            with pytest.raises(OSError, match="Input/output"):
                disk.sync(fd)
            disk.fail_sync = False
            disk.sync(fd)
            assert disk.read("a", 0, 1) == b"x"
            disk.restart(power_loss=True)
            lost += disk.read("a", 0, 512) == bytes(512)
        assert lost > 5

    def test_a_crash_ends_everything_until_the_restart(self) -> None:
        disk = SimulatedDisk(Random(1))
        disk.crash_in = 2
        disk.names()
        for _ in range(2):
            with pytest.raises(Crash):
                disk.names()
        disk.restart(power_loss=True)
        assert disk.names() == []

    def test_a_full_disk(self) -> None:
        disk = SimulatedDisk(Random(1))
        fd = disk.create("a")
        disk.full = True
        with pytest.raises(OSError, match="No space"):
            disk.allocate(fd, 1_000)
