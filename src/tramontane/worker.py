"""The worker process: whatever takes longer than a request. For now it moves the metering journal
into the store, once a second.

It may be stopped and started at any moment, beside a gateway or not. It knows no requests.
"""

import logging
import signal
import threading
from collections.abc import Sequence

from tramontane.children import begin_child, read_launch, say_ready
from tramontane.config import Settings
from tramontane.datafolder import DataFolder
from tramontane.errors import TramontaneError
from tramontane.store import usage
from tramontane.store.database import Store, open_store
from tramontane.store.journal import FolderDisk, Importer
from tramontane.store.records import UsageRecord

INTERVAL_S = 1.0

_log = logging.getLogger(__name__)


def run(settings: Settings, stop: threading.Event, interval_s: float = INTERVAL_S) -> None:
    """Work until `stop` is set, then move what is left and return.

    Raises ConfigError or Unavailable where the store cannot be opened, and Conflict while another
    worker uses the data folder. A store or disk that fails later is tried again and again.
    """
    disk = FolderDisk(DataFolder(settings.data_dir).journal)
    disk.lock("worker.lock")
    store = open_store(settings.store_url)
    importer = Importer(disk, lambda rows: _insert(store, rows))
    failed = False
    try:
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
    finally:
        store.close()
        disk.unlock()


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


if __name__ == "__main__":
    main()
