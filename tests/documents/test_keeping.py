"""Documents in and out of a library: rows and files together, versions, nothing left behind."""

import errno
import os
from pathlib import Path

import pytest

from tests.documents.desk import FILE_BYTES, Desk
from tramontane.documents import keeping
from tramontane.errors import InvalidRequest, NotFound, PayloadTooLarge, Unavailable
from tramontane.store import documents, libraries, passages
from tramontane.store.documents import check_name


def test_bytes_are_kept_once_under_their_hash(desk: Desk) -> None:
    first, was_there = desk.bring(b"The rents rose.", "reports/a.txt")
    assert (was_there, first.name, first.status, first.version) == (
        False,
        "reports/a.txt",
        "queued",
        1,
    )
    path = desk.files.path(first.sha256)
    assert path == desk.folder.files / first.sha256[:2] / first.sha256
    assert path.read_bytes() == b"The rents rose."
    assert path.stat().st_mode & 0o777 == 0o400
    again, was_there = desk.bring(b"The rents rose.", "b.txt")
    assert (again.id, was_there) == (first.id, True)
    other, was_there = desk.bring(b"The rents rose.", "b.txt", desk.library())
    assert not was_there and other.id != first.id
    assert desk.on_disk() == [first.sha256]
    keeping.remove_document(desk.store, desk.files, first, desk.now_ms)
    assert desk.on_disk() == [first.sha256], "another library has it still"
    keeping.remove_document(desk.store, desk.files, other, desk.now_ms)
    assert desk.on_disk() == []
    with pytest.raises(NotFound):
        desk.get(first.id)


def test_other_bytes_under_a_name_are_its_next_version(desk: Desk) -> None:
    first, _ = desk.bring(b"The rents rose by a tenth.")
    desk.read()
    assert desk.found("rents") == [first.id]
    second, was_there = desk.bring(b"The rents fell by a half.")
    assert (was_there, second.version, second.versions) == (False, 2, 2)
    assert desk.found("rents") == [first.id], "the new one has not been read yet"
    desk.read()
    assert desk.found("rents") == [second.id]
    assert desk.get(first.id).superseded_at_ms == desk.now_ms
    with desk.store.read() as c:
        assert [each.id for each in documents.list_of(c, desk.library_id)] == [second.id]
        versions = documents.list_versions(c, desk.library_id, "a.txt")
        assert [each.version for each in versions] == [2, 1]
        assert passages.get(c, first.id, 1).text == "The rents rose by a tenth."
        library = libraries.get(c, desk.library_id)
    assert (library.documents, library.size_bytes) == (1, first.size_bytes + second.size_bytes)
    # What was there before it is a version of its own, when it comes back.
    third, was_there = desk.bring(b"The rents rose by a tenth.")
    assert (was_there, third.version) == (False, 3)
    desk.read()
    assert desk.found("rents") == [third.id]
    keeping.remove_document(desk.store, desk.files, second, desk.now_ms)
    assert desk.on_disk() == [] and desk.found("rents") == []


def test_a_newer_version_that_cannot_be_read_takes_nobodys_place(desk: Desk) -> None:
    first, _ = desk.bring(b"The rents rose by a tenth.")
    desk.read()
    broken, _ = desk.bring(b"%PDF-1.7 and no more")
    desk.read()
    assert desk.get(broken.id).status == "failed"
    assert desk.found("rents") == [first.id]
    again, was_there = desk.bring(b"%PDF-1.7 and no more")
    assert (again.id, again.status, was_there) == (broken.id, "queued", True), "it is tried again"


def test_what_is_deleted_leaves_no_byte(desk: Desk) -> None:
    for number in range(4):
        desk.bring(b"Gardens were planted in %d places." % number, f"{number}.txt")
    secret, _ = desk.bring(b"The Zwetschgenkuchen was eaten by Quixotl.", "Quixotl.txt")
    desk.read()
    assert desk.found("Zwetschgenkuchen") == [secret.id]
    keeping.remove_document(desk.store, desk.files, secret, desk.now_ms)
    assert desk.found("Zwetschgenkuchen") == []
    assert len(desk.found("gardens")) == 4
    keeping.tidy(desk.store, desk.files, lambda: None)
    assert desk.files.is_removal_noted(0), "more may follow within seconds"
    keeping.tidy(desk.store, desk.files, lambda: None, after_s=0)
    assert not desk.files.is_removal_noted(0)
    for word in (b"Zwetschgenkuchen", b"zwetschgenkuch", b"Quixotl", b"quixotl"):
        assert not desk.holds(word), word


def test_a_library_goes_with_all_that_is_in_it(desk: Desk) -> None:
    other = desk.library()
    kept, _ = desk.bring(b"shared", "a.txt", other)
    for number in range(3):
        desk.bring(b"number %d" % number, f"{number}.txt")
    desk.bring(b"shared")
    desk.read()
    keeping.remove_library(desk.store, desk.files, desk.library_id)
    assert desk.on_disk() == [kept.sha256]
    with desk.store.read() as c:
        assert [each.id for each in libraries.list_of_projects(c, [desk.project_id])] == [other]
        assert documents.ids_of(c, desk.library_id) == []
    with pytest.raises(NotFound):
        desk.bring(b"too late")
    keeping.sweep(desk.store, desk.files)
    assert desk.on_disk() == [kept.sha256]


def test_bad_files_are_refused_and_leave_nothing(desk: Desk) -> None:
    with pytest.raises(InvalidRequest, match="empty"):
        desk.bring(b"")
    with pytest.raises(PayloadTooLarge, match="1,000,000 bytes"):
        desk.bring(b"x" * (FILE_BYTES + 1))
    with pytest.raises(InvalidRequest, match="name"):
        desk.bring(b"x", " /../ ")
    assert [name for name in desk.on_disk() if name.startswith(".")] == []
    keeping.sweep(desk.store, desk.files)
    assert desk.on_disk() == []


@pytest.mark.parametrize("failing", ["write", "fsync"])
def test_a_full_disk_says_so_and_leaves_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with desk.files.incoming(FILE_BYTES) as incoming:
        incoming.add(b"x" * 100)
        if failing == "fsync":
            monkeypatch.setattr("tramontane.documents.files.os.fsync", full)
        else:
            monkeypatch.setattr("tramontane.documents.files.os.fstatvfs", full)
        with pytest.raises(Unavailable, match="no room") as refused:
            incoming.end()
    assert refused.value.code == "disk_full"
    assert desk.on_disk() == []


def test_the_sweep_deletes_what_crashes_leave_and_nothing_else(desk: Desk) -> None:
    kept, _ = desk.bring(b"kept")
    orphan = "ab" * 32
    (desk.folder.files / "ab").mkdir()
    (desk.folder.files / "ab" / orphan).write_bytes(b"x")
    left = desk.folder.files / ".incoming-1-dead"
    left.write_bytes(b"x")
    os.utime(left, (1, 1))
    (desk.folder.tables / "doc_gone.duckdb").write_bytes(b"x")
    (desk.folder.tables / f"{kept.id}.duckdb").write_bytes(b"x")
    half = desk.folder.tables / ".loading-dead"
    half.mkdir()
    os.utime(half, (1, 1))
    with desk.files.incoming(FILE_BYTES) as under_way:
        os.utime(under_way.path, (1, 1))
        assert keeping.sweep(desk.store, desk.files) == 2
        assert under_way.path.exists()
    assert desk.on_disk() == sorted([kept.sha256, f"{kept.id}.duckdb"])
    assert not half.exists()


def test_names_keep_their_folders_and_nothing_that_leads_elsewhere() -> None:
    assert check_name("/etc/../passwd") == "etc/passwd"
    assert check_name("C:\\Daten\\Zahlen .xlsx") == "C:/Daten/Zahlen .xlsx"
    assert check_name("a\u202egpj.exe\x00\n") == "a gpj.exe"
    assert check_name("u\u0308ber.txt") == "über.txt"
    for bad in ("", "   ", "../..", "x" * 401):
        with pytest.raises(InvalidRequest):
            check_name(bad)


def test_no_room_is_left_for_the_store_and_the_journal(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = os.statvfs(tmp_path)

    class Cramped:
        f_bavail = 10
        f_frsize = real.f_frsize

    monkeypatch.setattr("tramontane.documents.files.os.fstatvfs", lambda _: Cramped)
    with pytest.raises(Unavailable, match="no room"):
        desk.bring(b"x")
