"""The worker process: whatever takes longer than a request.

It moves the metering journal into the store, once a second, and reads documents (`reading`),
fetches models (`pulling`) and reports drills (`drilling`) on threads of their own, so that moving
the journal never waits for one. It may be stopped, killed and started at any moment, beside a
gateway or not. It knows no requests.
"""

import logging
import signal
import threading
from collections.abc import Sequence

from tramontane.children import begin_child, read_launch, say_ready
from tramontane.clock import clock_ms
from tramontane.config import Settings
from tramontane.datafolder import DataFolder
from tramontane.documents.files import FileStore
from tramontane.engines.library import ModelLibrary
from tramontane.errors import TramontaneError
from tramontane.store import usage
from tramontane.store.database import Store, open_store
from tramontane.store.journal import FolderDisk, Importer
from tramontane.store.records import UsageRecord
from tramontane.worker.drilling import report_always
from tramontane.worker.pulling import Puller, pull_always
from tramontane.worker.reading import Reader, read_always, sweep_always

INTERVAL_S = 1.0
READERS = 2
"""Documents read at once: a long one does not keep a short one waiting."""
_END_S = 3.0

_log = logging.getLogger(__name__)


def run(settings: Settings, stop: threading.Event, interval_s: float = INTERVAL_S) -> None:
    """Work until `stop` is set, then move what is left and return.

    Raises ConfigError or Unavailable where the store cannot be opened, and Conflict while another
    worker uses the data folder. A store or disk that fails later is tried again and again.
    """
    folder = DataFolder(settings.data_dir)
    disk = FolderDisk(folder.journal)
    disk.lock("worker.lock")
    store = open_store(settings.store_url)
    threads = _begin_threads(settings, folder, store, stop)
    try:
        _move_always(Importer(disk, lambda rows: _insert(store, rows)), stop, interval_s)
    finally:
        stop.set()
        for thread in threads:
            thread.join(_END_S)
        store.close()
        disk.unlock()


def _move_always(importer: Importer, stop: threading.Event, interval_s: float) -> None:
    failed = False
    while True:
        stopping = stop.wait(interval_s)
        try:
            imported = importer.step()
        except (TramontaneError, OSError) as error:
            if not failed:  # once, not every second
                _log.error("usage cannot be moved into the store, will try on: %s", error)
            failed = True
        else:
            for name in imported.damaged:
                _log.error("journal: %s has bytes of no record; it is kept for a look", name)
            if failed:
                _log.warning("usage is moved into the store again")
            failed = False
        if stopping:
            return


def _begin_threads(
    settings: Settings, folder: DataFolder, store: Store, stop: threading.Event
) -> list[threading.Thread]:
    files = FileStore(folder)
    files.prepare()
    reader = Reader(store, files, settings.documents, clock_ms, loading=settings.tables)
    threads = [
        threading.Thread(target=read_always, args=(reader, stop), name=f"reader-{n}", daemon=True)
        for n in range(READERS)
    ]
    arguments = (store, files, stop)
    threads.append(threading.Thread(target=sweep_always, args=arguments, name="sweep", daemon=True))
    reporting = (store, settings, folder, stop, clock_ms)
    threads.append(
        threading.Thread(target=report_always, args=reporting, name="drills", daemon=True)
    )
    puller = Puller(store, ModelLibrary(folder.models), settings, clock_ms)
    threads.append(
        threading.Thread(target=pull_always, args=(puller, stop), name="pulls", daemon=True)
    )
    for thread in threads:
        thread.start()
    return threads


def _insert(store: Store, rows: Sequence[UsageRecord]) -> None:
    with store.write() as connection:
        usage.insert_many(connection, rows)


def main() -> None:
    """Run the worker's process, as `tramontane serve` starts it."""
    settings = read_launch(Settings)
    begin_child(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    say_ready()
    run(settings, stop)
