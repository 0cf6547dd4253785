"""A document that was acknowledged is there, hash-equal, and read whole, whenever one is killed."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import update

from tests.documents.crashing import text_of
from tests.documents.desk import Desk
from tramontane.documents import keeping
from tramontane.store import documents, passages, schema

ROOT = Path(__file__).parent.parent.parent


@contextmanager
def lives(data: Path) -> Iterator[subprocess.Popen[str]]:
    """Yield what forks a life for each seed that it is given."""
    command = [sys.executable, "-m", "tests.documents.crashing", str(data)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def lived(process: subprocess.Popen[str], seed: int, chance: random.Random) -> list[list[str]]:
    """Begin a life, kill it at some moment; return what it was told is kept."""
    assert process.stdin is not None and process.stdout is not None
    print(seed, file=process.stdin, flush=True)
    pid = int(process.stdout.readline())
    told = [process.stdout.readline().split() for _ in range(chance.randrange(3))]
    time.sleep(chance.random() * 0.4)
    os.kill(pid, signal.SIGKILL)
    while (line := process.stdout.readline()) != "dead\n":
        assert line, "the one that forks has ended"
        told.append(line.split())
    # The last line may have been cut off by the kill: then nobody was told.
    return [each for each in told if len(each) == 3 and len(each[2]) == 64]


def missing(desk: Desk, told: list[list[str]]) -> list[str]:
    """Return which acknowledged documents are not there, or not as they came."""
    with desk.store.read() as c:
        known = {each.id: each for each in documents.get_many(c, [id_ for id_, _, _ in told])}
    lost = []
    for id_, name, sha256 in told:
        path = desk.folder.files / sha256[:2] / sha256
        is_there = path.exists() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256
        if id_ not in known or known[id_].name != name or not is_there:
            lost.append(name)
    return lost


def expected(name: str, seed: int) -> str:
    """Return what a life wrote into the document of that name."""
    chance = random.Random(seed)
    for number in range(1_000):
        written = f"{seed}x{number}.md"
        text = text_of(written, chance)
        for _ in text.splitlines(keepends=True):
            chance.random()
        if written == name:
            return text
        chance.random()
    raise AssertionError(name)


@pytest.mark.parametrize("kills", [3, pytest.param(100, marks=pytest.mark.slow)])
def test_what_was_acknowledged_is_there(desk: Desk, kills: int) -> None:
    with desk.store.write() as c:
        c.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        c.execute(update(schema.projects).values(id="prj"))
        c.execute(update(schema.libraries).values(project_id="prj"))
    chance = random.Random(kills)
    told: list[list[str]] = []
    with lives(desk.folder.path) as process:
        for seed in range(kills):
            told += lived(process, seed, chance)
            assert missing(desk, told[-60:]) == []
    assert missing(desk, told) == []
    assert told
    # The next one clears up, and reads what was left.
    desk.now_ms = (time.time_ns() // 1_000_000) + 120_000
    time_of_incoming = time.time() + 120
    desk.files.sweep_incoming(time_of_incoming)
    keeping.sweep(desk.store, desk.files)
    desk.read()
    with desk.store.read() as c:
        every = documents.list_of(c, desk.library_id)
        assert {each.id for each in every} >= {id_ for id_, _, _ in told}
        assert {each.status for each in every} == {"ready"}
        for document in every[:: max(1, len(every) // 40)]:
            found = passages.list_of(c, document.id)
            assert [each.number for each in found] == list(range(1, len(found) + 1))
            words = " ".join(each.text for each in found).split()
            text = expected(document.name, int(document.name.partition("x")[0]))
            assert words == text.removeprefix("# ").split()
    assert desk.on_disk() == sorted({each.sha256 for each in every})
