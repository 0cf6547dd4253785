"""The model library over real folders, a real size limit and real dead copies."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.engines.tiny import write_tiny
from tramontane.engines.library import ModelLibrary
from tramontane.errors import InvalidModelFile, NotFound, Unavailable

NOW_MS = 1_900_000_000_000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_tiny(tmp_path / "tiny.gguf")


@pytest.fixture
def library(tmp_path: Path) -> ModelLibrary:
    return ModelLibrary(tmp_path / "models")


def names(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "models").iterdir())


def test_an_added_file_lies_read_only_under_its_hash(
    library: ModelLibrary, source: Path, tmp_path: Path
) -> None:
    steps: list[tuple[int, int]] = []
    model = library.add(source, "tiny", NOW_MS, lambda done, total: steps.append((done, total)))
    data = source.read_bytes()
    assert model.sha256 == hashlib.sha256(data).hexdigest()
    assert (model.name, model.architecture, model.quantisation) == ("tiny", "llama", "F32")
    assert (model.size_bytes, model.context_tokens) == (len(data), 4096)
    assert model.has_chat_template
    assert model.added_at_ms == NOW_MS
    path = library.path(model.sha256)
    assert path.read_bytes() == data
    assert path.stat().st_mode & 0o777 == 0o444
    assert names(tmp_path) == [f"sha256-{model.sha256}.gguf"]
    assert steps[-1] == (len(data), len(data))
    library.verify(model.sha256)


def test_the_same_file_twice_is_one(library: ModelLibrary, source: Path, tmp_path: Path) -> None:
    first = library.add(source, "one", NOW_MS)
    second = library.add(source, "two", NOW_MS)
    assert first.sha256 == second.sha256
    assert len(names(tmp_path)) == 1


def test_copies_at_the_same_time_do_not_disturb_each_other(
    library: ModelLibrary, source: Path, tmp_path: Path
) -> None:
    now_ms = time.time_ns() // 1_000_000  # the files' own clock tells a young copy from a dead one
    with ThreadPoolExecutor(8) as pool:
        models = list(pool.map(lambda n: library.add(source, f"m{n}", now_ms), range(16)))
    assert len({model.sha256 for model in models}) == 1
    library.verify(models[0].sha256)
    assert len(names(tmp_path)) == 1


def test_a_file_that_is_no_model_leaves_nothing_behind(
    library: ModelLibrary, tmp_path: Path
) -> None:
    path = tmp_path / "notes.gguf"
    path.write_text("these are notes")
    with pytest.raises(InvalidModelFile, match=r"notes\.gguf: is no GGUF file"):
        library.add(path, "notes", NOW_MS)
    assert not (tmp_path / "models").exists()


def test_a_file_cut_while_it_is_copied_leaves_nothing_behind(
    library: ModelLibrary, source: Path, tmp_path: Path
) -> None:
    whole = source.read_bytes()
    padded = tmp_path / "growing.gguf"
    padded.write_bytes(whole + bytes(8 << 20))

    def cut(done: int, total: int) -> None:
        os.truncate(padded, 4 << 20)  # after the first of three reads

    # The tail that vanished was padding: what was copied is still a whole model.
    library.add(padded, "cut", NOW_MS, cut)
    size = [path.stat().st_size for path in (tmp_path / "models").iterdir()]
    assert size == [4 << 20]

    def overwrite(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        library.add(source, "stopped", NOW_MS, overwrite)
    assert len(names(tmp_path)) == 1


def test_a_disk_too_small_is_noticed_before_the_copy(
    library: ModelLibrary, source: Path, tmp_path: Path
) -> None:
    free = shutil.disk_usage(tmp_path).free
    os.truncate(source, free + (1 << 30))  # sparse: it claims more than the disk has
    copied: list[int] = []
    with pytest.raises(Unavailable, match=r"no room for tiny\.gguf") as caught:
        library.add(source, "tiny", NOW_MS, lambda done, total: copied.append(done))
    assert caught.value.code == "disk_full"
    assert not copied
    assert names(tmp_path) == []


LIMITED = """
import resource, sys
from pathlib import Path
from tramontane.engines.library import ModelLibrary
from tramontane.errors import Unavailable

resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    ModelLibrary(Path(sys.argv[2])).add(Path(sys.argv[1]), "tiny", 0)
except Unavailable as error:
    sys.exit(f"{error.code}: {error.message}")
"""


def test_a_disk_that_fills_during_the_copy_leaves_nothing_behind(
    source: Path, tmp_path: Path
) -> None:
    """The kernel refuses the write itself, here by a limit on the size of files."""
    run = subprocess.run(
        [sys.executable, "-c", LIMITED, str(source), str(tmp_path / "models")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.stderr.startswith("disk_full: no room for tiny.gguf")
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path, source: Path) -> None:
    (tmp_path / "models").write_text("a file, not a folder")
    with pytest.raises(Unavailable, match="cannot take a model file") as caught:
        ModelLibrary(tmp_path / "models").add(source, "tiny", NOW_MS)
    assert caught.value.code == "library_unwritable"


def test_leftovers_of_dead_copies_are_swept_and_living_ones_kept(
    library: ModelLibrary, source: Path, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    models.mkdir()
    for name in ("dead", "alive", "young"):
        (models / f".incoming-{name}").write_bytes(b"x")
    for name in ("dead", "alive"):
        os.utime(models / f".incoming-{name}", (1, 1))
    os.utime(models / ".incoming-young", (NOW_MS / 1_000, NOW_MS / 1_000))
    with (models / ".incoming-alive").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        library.add(source, "tiny", NOW_MS)
        left = [name for name in names(tmp_path) if name.startswith(".")]
        assert left == [".incoming-alive", ".incoming-young"]


def test_a_changed_file_is_found_by_its_hash_and_healed_by_adding_it_again(
    library: ModelLibrary, source: Path
) -> None:
    model = library.add(source, "tiny", NOW_MS)
    path = library.path(model.sha256)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    with pytest.raises(InvalidModelFile, match="has changed since it was added"):
        library.verify(model.sha256)
    library.add(source, "tiny", NOW_MS)
    library.verify(model.sha256)


def test_removal(library: ModelLibrary, source: Path) -> None:
    model = library.add(source, "tiny", NOW_MS)
    library.remove(model.sha256)
    library.remove(model.sha256)
    with pytest.raises(NotFound, match="add it again"):
        library.path(model.sha256)


@pytest.mark.parametrize("sha256", ["", "../../etc/passwd", "a" * 63, "A" * 64, "a" * 64 + "\n"])
def test_only_a_hash_names_a_file(library: ModelLibrary, sha256: str) -> None:
    with pytest.raises(NotFound):
        library.path(sha256)
    with pytest.raises(NotFound):
        library.remove(sha256)
