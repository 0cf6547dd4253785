"""Files that are meant to do harm: each ends in bounded time and memory, and says why."""

import random
import resource
import time
from pathlib import Path

import pytest

from tests.documents import bombs, made
from tests.documents.reading import answers
from tramontane.documents.extract import Ended, ExtractFailed, Limits, PageRead, extract
from tramontane.documents.extract.records import MIB, Refused

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
    make(path, 0.01 if name in REFUSED else 0.002)
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
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1_024
    assert most < LARGE.memory_bytes + path.stat().st_size + 64 * MIB


def corpus(folder: Path) -> list[Path]:
    """Return one good file of each kind that is made here."""
    for name in ("docx", "pptx", "xlsx", "odt", "eml", "csv"):
        getattr(made, name)(folder / f"good.{name}")
    made.report_pdf(folder / "good.pdf", 2)
    made.scanned_pdf(folder / "scan.pdf", 1)
    (folder / "good.html").write_text(made.HTML)
    (folder / "good.md").write_text(made.MARKDOWN)
    return sorted(folder.iterdir())


def spoilt(data: bytes, chance: random.Random) -> bytes:
    """Return `data` with some bytes changed, cut out, doubled or swapped."""
    made_bytes = bytearray(data)
    for _ in range(chance.choice((1, 2, 5, 20))):
        at = chance.randrange(max(1, len(made_bytes)))
        length = chance.choice((1, 1, 4, 40, 400))
        way = chance.randrange(4)
        if way == 0:
            made_bytes[at : at + 1] = bytes([chance.randrange(256)])
        elif way == 1:
            del made_bytes[at : at + length]
        elif way == 2:
            made_bytes[at:at] = made_bytes[at : at + length]
        else:
            made_bytes[at : at + length] = chance.randbytes(length)
    return bytes(made_bytes)


def spoil(folder: Path, tries: int, seed: int) -> int:
    """Read `tries` spoilt files of each kind; return how many were refused."""
    chance = random.Random(seed)
    refused = 0
    path = folder / "spoilt"
    for good in corpus(folder):
        data = good.read_bytes()
        for _ in range(tries):
            path.write_bytes(spoilt(data, chance) or b"x")
            said = answers(path, good.name)
            assert isinstance(said[-1], Ended | Refused)
            refused += isinstance(said[-1], Refused)
    return refused


def test_spoilt_files_are_read_or_refused(tmp_path: Path) -> None:
    assert spoil(tmp_path, 8, 1) > 5


@pytest.mark.slow
def test_ten_thousand_spoilt_files(tmp_path: Path) -> None:
    assert spoil(tmp_path, 1_000, 2) > 1_000
