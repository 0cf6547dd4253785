"""Reads documents that wait: their passages, then their tables, a piece at a time.

Whoever reads a document holds it by a lease that is renewed while the reading goes on. A reader
that dies lets it run out, and another begins anew; after three, the document counts as one that
cannot be read. One that is deleted meanwhile, or that this process must let go, stops at once. It
does not know formats, nor who asked.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import msgspec

from tramontane.config import DocumentSettings, TableSettings
from tramontane.documents import keeping
from tramontane.documents.extract import Began, Ended, ExtractFailed, Limits, PageRead, extract
from tramontane.documents.files import FileStore
from tramontane.documents.search import indexed
from tramontane.errors import InvalidRequest, TramontaneError
from tramontane.store import documents, passages, tables
from tramontane.store.database import Store
from tramontane.store.documents import Document, Note, Problem
from tramontane.store.passages import StoredPassage
from tramontane.tables.catalogue import kept
from tramontane.tables.load import KINDS, LoadLimits, load
from tramontane.worker.jobs import Lost, go_on, take

LEASE_MS = 30_000
RENEW_S = 8.0
POLL_S = 0.25
AGAIN_S = 5.0
BATCH_PASSAGES = 200
BATCH_S = 1.0
SWEEP_S = 3_600.0
TIDY_S = 5.0
TIDY_PAUSE_S = 0.05

_log = logging.getLogger(__name__)


class Reader:
    """Reads documents of one store and its files. `clock_ms` gives Unix milliseconds."""

    def __init__(
        self,
        store: Store,
        files: FileStore,
        settings: DocumentSettings,
        clock_ms: Callable[[], int],
        timer_s: Callable[[], float] = time.monotonic,
        loading: TableSettings | None = None,
    ) -> None:
        self._loading = loading_limits(loading or TableSettings())
        self._store = store
        self._files = files
        self._limits = limits_of(settings)
        self._clock_ms = clock_ms
        self._timer_s = timer_s

    def step(self, stop: threading.Event, ids: Collection[str] | None = None) -> bool:
        """Read one document that waits (one of `ids`, where given); return whether there was one.

        Raises Unavailable where the store cannot be used, OSError.
        """
        now_ms = self._clock_ms()
        document = take(
            self._store,
            lambda c: documents.is_waiting(c, now_ms, ids),
            lambda c: documents.claim(c, now_ms, LEASE_MS, ids),
        )
        if document is None:
            return False
        if document.attempts > documents.ATTEMPTS_MAX:
            self._fail(document, _abandoned())
            return True
        try:
            with self._held(document, stop) as check, contextlib.suppress(Lost):
                self._read(document, check)
        except (TramontaneError, OSError):  # the store or the disk: not the document's fault
            with contextlib.suppress(TramontaneError), self._store.write() as c:
                documents.give_back(c, document)
            raise
        except Exception:  # noqa: BLE001 - the outer edge of a job: others are read all the same
            _log.exception("document %s: reading it failed", document.id)
            self._fail(document, _unforeseen())
        return True

    def _read(self, document: Document, check: Callable[[], None]) -> None:
        try:
            path = keeping.path_of(self._files, document)
            ended, kind = self._passages(document, path, check)
            notes = self._tables(document, kind, path, check)
            self._finish(document, ended, notes)
        except ExtractFailed as error:
            self._fail(document, _problem(error))
        except TramontaneError as error:
            if error.status >= 500:
                raise
            self._fail(document, _problem(error))

    def _passages(
        self, document: Document, path: Path, check: Callable[[], None]
    ) -> tuple[Ended, str]:
        """Read the document's text; return what is known at its end, and its kind."""
        kind = ""
        with self._store.write() as c:
            self._renew(c, document, pages_done=0)
            documents.forget_tables(c, document.id)
        keeping.forget_passages(self._store, document.id)
        batch: list[StoredPassage] = []
        written_s = self._timer_s()
        reading = extract(path, document.name, self._limits)
        with contextlib.closing(reading) as lines:
            for line in lines:
                check()
                if isinstance(line, Began):
                    kind = line.kind
                    with self._store.write() as c:
                        self._renew(c, document, kind=line.kind, pages=line.pages, title=line.title)
                elif isinstance(line, PageRead):
                    batch += (_stored(document.id, each) for each in line.passages)
                    is_due = self._timer_s() - written_s > BATCH_S
                    if len(batch) >= BATCH_PASSAGES or is_due:
                        self._write(document, batch, pages_done=line.page)
                        batch = []
                        written_s = self._timer_s()
                elif isinstance(line, Ended):
                    self._write(document, batch, pages_done=line.pages, pages=line.pages)
                    return line, kind
        raise AssertionError("extract ends with Ended or an error")

    def _write(self, document: Document, batch: list[StoredPassage], **progress: int) -> None:
        # Stems take longer than writing: they are found before the store is held.
        found = [(each, _stems(each)) for each in batch]
        with self._store.write() as c:
            self._renew(c, document, **progress)
            passages.add(c, document.library_id, found)

    def _tables(
        self, document: Document, kind: str, path: Path, check: Callable[[], None]
    ) -> list[Note]:
        """Load the document's tables, if it can have any; return what to know where that failed.

        What is nothing but a table fails as a whole; a workbook can still be read as text.
        """
        if kind not in KINDS:
            return []
        target = self._files.table_path(document.id)
        try:
            loaded = load(path, kind, document.name, target, self._loading, check)
        except InvalidRequest as error:
            if kind in documents.TABLE_KINDS:
                raise
            return [Note(error.code, error.message)]
        with self._store.write() as c:
            self._renew(c, document)
            tables.add_of_document(
                c, document.library_id, document.id, kept(loaded), self._clock_ms()
            )
        return []

    def _finish(self, document: Document, ended: Ended, more: list[Note]) -> None:
        notes = [Note(note.code, note.message, tuple(note.pages)) for note in ended.notes]
        notes += more
        with self._store.write() as c:
            is_ours = documents.finish(
                c, document, language=ended.language, notes=notes, now_ms=self._clock_ms()
            )
        if not is_ours:
            raise Lost
        if document.version > 1 or document.superseded_at_ms is not None:
            keeping.set_aside(self._store, document)

    def _fail(self, document: Document, problem: Problem) -> None:
        with self._store.write() as c:
            is_ours = documents.fail(c, document, problem, self._clock_ms())
        if is_ours:
            keeping.forget_passages(self._store, document.id)

    def _renew(self, c: Any, document: Document, **changes: Any) -> None:
        if not documents.renew(c, document, self._clock_ms() + LEASE_MS, **changes):
            raise Lost

    @contextlib.contextmanager
    def _held(self, document: Document, stop: threading.Event) -> Iterator[Callable[[], None]]:
        """Hold `document`; yield what raises Lost once it is no longer ours."""
        is_over, is_lost = threading.Event(), threading.Event()

        def beat() -> None:
            while not is_over.wait(0.1):
                if stop.is_set():
                    is_lost.set()
                    break
                if self._timer_s() < next_s[0]:
                    continue
                next_s[0] = self._timer_s() + RENEW_S
                with contextlib.suppress(TramontaneError), self._store.write() as c:
                    if not documents.renew(c, document, self._clock_ms() + LEASE_MS):
                        is_lost.set()
            if stop.is_set():
                with contextlib.suppress(TramontaneError), self._store.write() as c:
                    documents.give_back(c, document)

        def check() -> None:
            if is_lost.is_set() or stop.is_set():
                raise Lost

        next_s = [self._timer_s() + RENEW_S]
        heart = threading.Thread(target=beat, name=f"lease-{document.id}", daemon=True)
        heart.start()
        try:
            yield check
        finally:
            is_over.set()
            heart.join()


def limits_of(settings: DocumentSettings) -> Limits:
    """Return what reading one document may take."""
    return Limits(
        file_bytes=settings.file_bytes,
        memory_bytes=settings.reading_memory_bytes,
        wall_s=settings.reading_timeout_s,
        pages=settings.pages,
    )


def loading_limits(settings: TableSettings) -> LoadLimits:
    """Return what loading the tables of one document may take."""
    return LoadLimits(
        timeout_s=settings.loading_timeout_s, memory_bytes=settings.loading_memory_bytes
    )


def read_always(reader: Reader, stop: threading.Event) -> None:
    """Read what waits until `stop` is set. What fails for no fault of a document is tried on."""
    go_on(
        lambda: reader.step(stop),
        stop,
        failing="documents cannot be read",
        poll_s=POLL_S,
        again_s=AGAIN_S,
    )


def sweep_always(
    store: Store,
    files: FileStore,
    stop: threading.Event,
    timer_s: Callable[[], float] = time.monotonic,
) -> None:
    """Delete what crashes have left of files, now and every hour; have the index of words forget
    what was removed, soon after.
    """
    swept_s = -SWEEP_S
    while not stop.is_set():
        try:
            if timer_s() - swept_s >= SWEEP_S:
                keeping.sweep(store, files)
                swept_s = timer_s()
            keeping.tidy(store, files, lambda: time.sleep(TIDY_PAUSE_S))
        except (TramontaneError, OSError) as error:
            _log.warning("files and words of no document were not swept away: %s", error)
        stop.wait(TIDY_S)


def _stored(document_id: str, passage: msgspec.Struct) -> StoredPassage:
    return StoredPassage(document_id=document_id, **msgspec.structs.asdict(passage))


def _stems(passage: StoredPassage) -> list[str]:
    return indexed(passage.heading, passage.text, passage.language)


def _problem(error: TramontaneError) -> Problem:
    return Problem(error.code, error.message)


def _abandoned() -> Problem:
    return _problem(
        ExtractFailed(
            "Reading this file ended its reader three times, so it is left alone. Save it anew in"
            " the program that made it, or try once more.",
            code="document_abandoned",
        )
    )


def _unforeseen() -> Problem:
    return _problem(
        ExtractFailed(
            "Something failed here while the file was read; the operator's log says where.",
            code="document_unforeseen",
        )
    )
