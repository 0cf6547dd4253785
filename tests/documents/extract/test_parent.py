"""The child from outside: its protocol, its limits, and what it may not do."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from tests.documents import bombs, made
from tests.documents.reading import read
from tramontane.documents.extract import (
    Began,
    Ended,
    ExtractFailed,
    Limits,
    PageRead,
    extract,
    parent,
)
from tramontane.documents.extract.records import MIB


def code_of(path: Path, limits: Limits | None = None) -> str:
    with pytest.raises(ExtractFailed) as failed:
        list(extract(path, path.name, limits))
    assert failed.value.status == 422 and failed.value.message.endswith(".")
    return failed.value.code


def test_it_says_the_same_as_the_formats(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    made.report_pdf(path, 6)
    here = read(path)
    began, *pages, ended = extract(path, "report.pdf")
    assert (began, pages, ended) == (here.began, here.pages, here.ended)


def test_reasons_become_codes(tmp_path: Path) -> None:
    path = tmp_path / "file.pdf"
    path.write_bytes(b"")
    assert code_of(path) == "document_empty"
    made.encrypted_pdf(path)
    assert code_of(path) == "document_encrypted"
    path.write_bytes(made.png())
    assert code_of(path) == "document_unsupported"
    assert code_of(path, Limits(file_bytes=10)) == "document_too_large"
    assert code_of(tmp_path / "nothing.pdf") == "document_corrupt"


def test_memory_is_limited(tmp_path: Path) -> None:
    path = tmp_path / "words.pdf"
    bombs.wordy_pdf(path, 0.02)
    assert code_of(path, Limits(memory_bytes=150 * MIB)) == "document_too_large"


def test_time_is_limited(tmp_path: Path) -> None:
    path = tmp_path / "words.pdf"
    bombs.wordy_pdf(path, 0.1)
    assert code_of(path, Limits(silence_s=0.3)) == "document_timeout"
    assert code_of(path, Limits(wall_s=0.3)) == "document_timeout"


def test_what_it_says_is_limited(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    made.report_pdf(path, 6)
    assert code_of(path, Limits(output_bytes=10_000)) == "document_too_large"
    said = list(extract(path, "report.pdf", Limits(pages=2)))
    assert isinstance(said[-1], Ended) and said[-1].pages == 2


def children() -> list[psutil.Process]:
    found: list[psutil.Process] = psutil.Process().children()
    return found


def test_leaving_in_the_middle_ends_the_child(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    made.report_pdf(path, 40)
    before = {child.pid for child in children()}
    reading = extract(path, "report.pdf")
    assert isinstance(next(reading), Began)
    (child,) = (child for child in children() if child.pid not in before)
    reading.close()
    assert not psutil.pid_exists(child.pid) or child.status() == psutil.STATUS_ZOMBIE


def test_a_page_that_the_child_does_not_survive_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    known = made.report_pdf(path, 40)
    before = {child.pid for child in children()}
    reading = extract(path, "report.pdf")
    said = [next(reading), next(reading)]
    (child,) = (child for child in children() if child.pid not in before)
    child.send_signal(signal.SIGKILL)
    said += reading
    pages = [line for line in said if isinstance(line, PageRead)]
    assert [page.page for page in pages] == list(range(1, 41))
    (ended,) = (line for line in said if isinstance(line, Ended))
    (lost,) = next(note.pages for note in ended.notes if note.code == "damaged_pages")
    numbers = [passage.number for page in pages for passage in page.passages]
    assert numbers == list(range(1, len(numbers) + 1))
    for fact, page in zip(known, pages, strict=True):
        has_it = any(fact.sentence in passage.text for passage in page.passages)
        assert has_it == (fact.page != lost)


def test_the_child_ends_with_its_parent(tmp_path: Path) -> None:
    path = tmp_path / "report.pdf"
    made.report_pdf(path, 40)
    script = (
        "import sys, time; from pathlib import Path; from tramontane.documents.extract import "
        "extract; lines = extract(Path(sys.argv[1]), 'a.pdf'); next(lines); print('begun', "
        "flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None and reader.stdout.readline() == b"begun\n"
        (child,) = psutil.Process(reader.pid).children()
        reader.kill()
        reader.wait()
        _, alive = psutil.wait_procs([child], timeout=10)
        assert not alive


def test_no_secret_reaches_the_child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TRAMONTANE_SECRET", "s3cret")
    path = tmp_path / "report.pdf"
    made.report_pdf(path, 40)
    before = {child.pid for child in children()}
    reading = extract(path, "report.pdf")
    next(reading)
    (child,) = (child for child in children() if child.pid not in before)
    assert set(child.environ()) <= set(parent.KEPT_ENVIRONMENT)
    reading.close()


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"page","page":1,"passages":[]}',  # before it has begun
        b'{"type":"began","kind":"pdf","label":"page"}\n{"type":"began","kind":"pdf","label":"x"}',
        b'{"type":"began","kind":"pdf","label":"page"}\n{"type":"page","page":0,"passages":[]}',
        (
            b'{"type":"began","kind":"pdf","label":"page"}\n'
            b'{"type":"page","page":1,"passages":[{"number":7,"page":1,"kind":"text","heading":"",'
            b'"text":"a"}]}'
        ),
        b'{"type":"refused","reason":"nonsense","message":"m."}',
        b"\xff\xfe",
        b"[1]",
    ],
)
def test_nothing_it_says_is_believed_without_a_look(line: bytes) -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, line + b"\n")
    os.close(write_end)
    with pytest.raises((ExtractFailed, parent.BrokeOff)) as failed:
        list(parent.checked(parent.Lines(read_end, Limits()), Limits()))
    os.close(read_end)
    assert isinstance(failed.value, ExtractFailed)
    assert failed.value.code == "document_corrupt"


def test_a_slow_reader_costs_the_child_no_time() -> None:
    read_end, write_end = os.pipe()
    lines = parent.Lines(read_end, Limits(wall_s=0.2, silence_s=0.2))
    for _ in range(3):
        os.write(write_end, b"a line\n")
        time.sleep(0.15)  # what the reader does meanwhile: three times that is over the limit
        assert lines.next() == b"a line"
    with pytest.raises(parent.TimedOut):
        lines.next()
    os.close(write_end)
    os.close(read_end)


FORBIDDEN = textwrap.dedent("""
    import os, socket, subprocess, sys
    from tramontane.documents.extract import sandbox
    from tramontane.documents.extract.records import Limits
    document, folder = sys.argv[1:]
    descriptor = os.open(document, os.O_RDONLY)
    sandbox.limit(Limits(), os.fstat(descriptor).st_size)
    held = sandbox.lock(descriptor)
    tries = {
        "socket": lambda: socket.socket().connect(("127.0.0.1", 9)),
        "pair": socket.socketpair,
        "write": lambda: open(folder + "/new", "w").write("x"),
        "append": lambda: open(document, "a").write("x"),
        "unlink": lambda: os.unlink(document),
        "rename": lambda: os.rename(document, folder + "/moved"),
        "folder": lambda: os.mkdir(folder + "/made"),
        "link": lambda: os.symlink("/", folder + "/link"),
        "mode": lambda: os.chmod(document, 0),
        "program": lambda: subprocess.run(["true"]),
        "fork": os.fork,
        "signal": lambda: os.kill(os.getppid(), 0),
        "other": lambda: open(folder + "/secret").read() if "landlock" in held else 1 / 0,
    }
    for name, attempt in tries.items():
        try:
            attempt()
            print("allowed", name)
        except (OSError, ZeroDivisionError):
            pass
    assert open(document).read(4) == "text" and open(f"/dev/fd/{descriptor}").read(4) == "text"
    import xml.dom.minidom  # modules can still be loaded
    print(*held, "done")
""")


def test_network_writing_and_programs_are_given_up(tmp_path: Path) -> None:
    document = tmp_path / "document"
    document.write_text("text")
    (tmp_path / "secret").write_text("other people's")
    ran = subprocess.run(
        [sys.executable, "-c", FORBIDDEN, str(document), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "allowed" not in ran.stdout
    if sys.platform == "linux":
        assert "seccomp" in ran.stdout and ran.stdout.endswith("done\n")
    assert document.read_text() == "text"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["document", "secret"]
