"""Documents that wait are read: in pieces, once, whatever happens to who reads them."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from tests.documents.desk import Desk
from tests.documents.made import encrypted_pdf, report_pdf
from tramontane.config import DocumentSettings
from tramontane.documents import keeping
from tramontane.documents.passage import rectangles
from tramontane.errors import NotFound, Unavailable
from tramontane.store import documents, passages, schema
from tramontane.store.documents import Document
from tramontane.worker.reading import LEASE_MS, Reader, read_always


@pytest.fixture
def desk(tmp_path: Path, empty_store_file: Path) -> Iterator[Desk]:
    """An empty library with its files."""
    made = Desk(tmp_path / "data", empty_store_file)
    yield made
    made.stop.set()
    made.store.close()


def bring(desk: Desk, path: Path) -> Document:
    """Return the document of the file at `path`."""
    return desk.bring(path.read_bytes(), path.name)[0]


def until(holds: Callable[[], bool], within_s: float = 30) -> None:
    """Wait until something holds."""
    deadline_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def count(desk: Desk) -> int:
    """Return how many passages there are."""
    with desk.store.read() as c:
        return c.execute(select(func.count()).select_from(schema.passages)).scalar_one()


def test_a_report_is_read_with_its_pages_and_places(desk: Desk, tmp_path: Path) -> None:
    facts = report_pdf(tmp_path / "report.pdf", 15)
    document = bring(desk, tmp_path / "report.pdf")
    assert desk.read() == 1
    read = desk.get(document.id)
    assert (read.status, read.kind, read.label, read.pages, read.pages_done) == (
        "ready",
        "pdf",
        "page",
        15,
        15,
    )
    assert read.title == "Report on the municipalities, in five languages"
    assert read.problem is None and read.lease_until_ms is None
    with desk.store.read() as c:
        for fact in facts[::6]:
            on_page = passages.of_page(c, document.id, fact.page)
            says = [each for each in on_page if fact.place in each.text]
            assert says, fact
            start = says[0].text.index(fact.place)
            at = rectangles(says[0].boxes, len(says[0].text), start, start + len(fact.place))
            assert at and all(0 < number < 1 for box in at for number in box)
            assert says[0].language == fact.language
        every = passages.list_of(c, document.id)
    assert [each.number for each in every] == list(range(1, len(every) + 1))
    assert desk.found(facts[7].place) == [document.id] * len(desk.found(facts[7].place)) != []


def test_what_cannot_be_read_says_why_and_is_not_found(desk: Desk, tmp_path: Path) -> None:
    encrypted_pdf(tmp_path / "locked.pdf")
    document = bring(desk, tmp_path / "locked.pdf")
    desk.read()
    failed = desk.get(document.id)
    assert failed.status == "failed" and failed.problem is not None
    assert failed.problem.code == "document_encrypted"
    assert "password" in failed.problem.message
    assert count(desk) == 0
    with desk.store.write() as c:
        documents.retry(c, document.id, desk.now_ms)
    assert desk.get(document.id).problem is None
    assert desk.read() == 1
    assert desk.get(document.id).problem == failed.problem
    desk.files.remove(document.sha256)
    with desk.store.write() as c:
        documents.retry(c, document.id, desk.now_ms)
    desk.read()
    problem = desk.get(document.id).problem
    assert problem is not None and "missing on the disk" in problem.message


def test_who_died_is_replaced_once_the_lease_ran_out(desk: Desk) -> None:
    document, _ = desk.bring(b"The rents rose.")
    with desk.store.write() as c:
        dead = documents.claim(c, desk.now_ms, LEASE_MS)
        assert dead is not None and dead.id == document.id
        piece = passages.StoredPassage(
            document_id=document.id,
            number=1,
            page=1,
            kind="text",
            heading="",
            text="half",
            language=None,
            boxes=b"",
        )
        passages.add(c, document.library_id, [(piece, ["half"])])
    assert desk.read() == 0, "somebody reads it"
    desk.now_ms += LEASE_MS + 1
    assert desk.read() == 1
    assert desk.get(document.id).status == "ready"
    with desk.store.read() as c:
        assert [each.text for each in passages.list_of(c, document.id)] == ["The rents rose."]
    # Who comes back from the dead changes nothing.
    with desk.store.write() as c:
        assert not documents.renew(c, dead, desk.now_ms + LEASE_MS)
        assert not documents.fail(c, dead, documents.Problem("x", "x"), desk.now_ms)
        documents.give_back(c, dead)
    assert desk.get(document.id).status == "ready"


def test_after_three_who_died_it_is_left_alone(desk: Desk) -> None:
    document, _ = desk.bring(b"It kills.")
    for _ in range(documents.ATTEMPTS_MAX):
        with desk.store.write() as c:
            assert documents.claim(c, desk.now_ms, LEASE_MS) is not None
        desk.now_ms += LEASE_MS + 1
    assert desk.read() == 1
    failed = desk.get(document.id)
    assert failed.problem is not None and failed.problem.code == "document_abandoned"
    assert desk.read() == 0
    with desk.store.write() as c:
        documents.retry(c, document.id, desk.now_ms)
    desk.read()
    assert desk.get(document.id).status == "ready", "somebody asked for it once more"


def test_a_document_deleted_while_it_is_read_stops_and_leaves_nothing(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tramontane.worker.reading.BATCH_S", 0)
    report_pdf(tmp_path / "long.pdf", 60)
    document = bring(desk, tmp_path / "long.pdf")
    thread = threading.Thread(target=desk.read)
    thread.start()
    until(lambda: desk.get(document.id).pages_done > 0)
    keeping.remove_document(desk.store, desk.files, document, desk.now_ms)
    thread.join(30)
    assert not thread.is_alive()
    with pytest.raises(NotFound):
        desk.get(document.id)
    assert count(desk) == 0 and desk.on_disk() == []


def test_who_stops_gives_it_back(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tramontane.worker.reading.BATCH_S", 0)
    report_pdf(tmp_path / "long.pdf", 60)
    document = bring(desk, tmp_path / "long.pdf")
    thread = threading.Thread(target=read_always, args=(desk.reader, desk.stop))
    thread.start()
    until(lambda: desk.get(document.id).pages_done > 0)
    desk.stop.set()
    thread.join(30)
    left = desk.get(document.id)
    assert (left.status, left.attempts, left.lease_until_ms) == ("queued", 0, None)
    desk.stop.clear()
    desk.read()
    read = desk.get(document.id)
    assert (read.status, read.pages_done) == ("ready", 60)
    with desk.store.read() as c:
        numbers = [each.number for each in passages.list_of(c, document.id)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_several_readers_share_the_work(desk: Desk) -> None:
    ids = {desk.bring(b"text %d" % n, f"{n}.txt")[0].id for n in range(5)}
    steps: list[int] = []
    threads = [threading.Thread(target=lambda: steps.append(desk.read())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(steps) == 5
    with desk.store.read() as c:
        read = documents.get_many(c, ids)
    assert {each.status for each in read} == {"ready"} and {each.attempts for each in read} == {1}
    assert count(desk) == 5


def test_a_failing_store_is_not_the_documents_fault(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    document, _ = desk.bring(b"The rents rose.")
    with desk.store.write() as c:
        c.exec_driver_sql("ALTER TABLE passages RENAME TO away")
    with pytest.raises(Unavailable):
        desk.read()
    waiting = desk.get(document.id)
    assert (waiting.status, waiting.attempts) == ("queued", 0)
    monkeypatch.setattr("tramontane.worker.reading.AGAIN_S", 0.02)
    thread = threading.Thread(target=read_always, args=(desk.reader, desk.stop))
    thread.start()
    until(lambda: len(caplog.records) > 0)
    time.sleep(0.1)
    with desk.store.write() as c:
        c.exec_driver_sql("ALTER TABLE away RENAME TO passages")
    until(lambda: desk.get(document.id).status == "ready")
    desk.stop.set()
    thread.join()
    assert len(caplog.records) == 1, "it is said once"


def test_a_fault_of_ours_ends_one_document_not_the_reader(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, _ = desk.bring(b"one", "1.txt")
    desk.now_ms += 1
    second, _ = desk.bring(b"two", "2.txt")

    def stems(heading: str, text: str, language: str | None) -> list[str]:
        if text == "one":
            raise ValueError("a fault")
        return [text]

    monkeypatch.setattr("tramontane.worker.reading.indexed", stems)
    assert desk.read() == 2
    problem = desk.get(first.id).problem
    assert problem is not None and problem.code == "document_unforeseen"
    assert desk.get(second.id).status == "ready"
    assert first.id in caplog.text


def test_limits_are_the_settings(desk: Desk, tmp_path: Path) -> None:
    report_pdf(tmp_path / "report.pdf", 12)
    document = bring(desk, tmp_path / "report.pdf")
    reader = Reader(desk.store, desk.files, DocumentSettings(pages=10), lambda: desk.now_ms)
    assert reader.step(desk.stop)
    read = desk.get(document.id)
    assert (read.status, read.pages_done) == ("ready", 10)
    assert "pages_cut" in [note.code for note in read.notes]
