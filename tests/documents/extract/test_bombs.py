"""Files that are meant to do harm: each ends in bounded time and memory, and says why."""

import resource
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.documents import bombs, made
from tests.documents.reading import answers
from tests.documents.spoiling import spoil
from tramontane.documents.extract import Ended, ExtractFailed, Limits, PageRead, extract
from tramontane.documents.extract.records import MIB

ROOT = Path(__file__).parents[3]
KIB = 1 if sys.platform == "darwin" else 1_024  # what `ru_maxrss` counts in
SMALL = Limits(memory_bytes=400 * MIB, unpacked_bytes=8 * MIB, entries=500, wall_s=20)
LARGE = Limits(cpu_s=60, wall_s=90, silence_s=60)
# What must not come out as if nothing were wrong.
REFUSED = {
    "zip_bomb", "lying_zip", "overlapping_zip", "many_entries", "laughs_docx", "laughs_odt",
    "quadratic_odt", "outside_odt", "deep_docx",
}  # fmt: skip

# What takes the process with it even when it is small; the rest is quicker without a child.
IN_CHILD = {"zip_bomb", "flate_pdf", "forms_pdf", "sparse_xlsx", "repeated_ods"}


def outcome(path: Path, limits: Limits) -> tuple[str, str]:
    """Return how reading ended, and what text there was."""
    said: list[str] = []
    try:
        for line in extract(path, path.name, limits):
            if isinstance(line, PageRead):
                said += [passage.text for passage in line.passages]
            elif isinstance(line, Ended):
                return "read", "\n".join(said)
    except ExtractFailed as error:
        return error.code, "\n".join(said)
    raise AssertionError("it neither ended nor failed")


@pytest.mark.parametrize("name", bombs.BOMBS)
def test_small(name: str, tmp_path: Path) -> None:
    ending, make = bombs.BOMBS[name]
    path = tmp_path / f"{name}.{ending}"
    make(path, 0.01 if name in REFUSED else 0.001)
    if name in IN_CHILD:
        ended, text = outcome(path, SMALL)
    else:
        said = answers(path, path.name, SMALL)
        ended = "read" if isinstance(said[-1], Ended) else "refused"
        text = "".join(p.text for line in said if isinstance(line, PageRead) for p in line.passages)
    assert (ended != "read") >= (name in REFUSED), text[:200]
    assert "root:" not in text


@pytest.mark.slow
@pytest.mark.parametrize("name", bombs.BOMBS)
def test_real(name: str, tmp_path: Path) -> None:
    ending, make = bombs.BOMBS[name]
    path = tmp_path / f"{name}.{ending}"
    make(path, 1)
    began_s = time.monotonic()
    ended, _ = outcome(path, LARGE)
    assert time.monotonic() - began_s < LARGE.wall_s + 10
    assert (ended != "read") >= (name in REFUSED)
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * KIB
    assert most < LARGE.memory_bytes + path.stat().st_size + 64 * MIB


def test_spoilt_files_are_read_or_refused(tmp_path: Path) -> None:
    assert spoil(tmp_path, 5, 1) > 3


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50))
def test_ten_thousand_spoilt_files(seed: int, tmp_path: Path) -> None:
    # In a process of its own: what takes it with it must be seen, and must not take the test.
    script = (
        "import sys; from pathlib import Path; from tests.documents.spoiling import spoil; "
        "spoil(Path(sys.argv[1]), 20, int(sys.argv[2]))"
    )
    command = [sys.executable, "-c", script, str(tmp_path), str(seed + 100)]
    ran = subprocess.run(command, cwd=ROOT, timeout=300, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr.decode()[-2_000:]


@pytest.mark.slow
def test_two_thousand_pages_take_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    known = made.report_pdf(path, 2_000)
    own = psutil.Process()
    began_bytes = most_bytes = own.memory_info().rss
    found = child_bytes = 0
    for line in extract(path, path.name):
        if isinstance(line, PageRead):
            if line.page % 20 == 0:
                children = (child.memory_info().rss for child in own.children())
                child_bytes = max(child_bytes, *children)
            sentence = known[line.page - 1].sentence
            found += any(sentence in passage.text for passage in line.passages)
            most_bytes = max(most_bytes, own.memory_info().rss)
    assert found == 2_000
    assert most_bytes - began_bytes < 32 * MIB
    assert child_bytes < 256 * MIB
