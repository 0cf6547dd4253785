"""Documents of a studio under test: read without a worker's process."""

import threading

from tests.studio.conftest import Studio
from tramontane.datafolder import DataFolder
from tramontane.documents.files import FileStore
from tramontane.worker.reading import Reader


def read_all(studio: Studio) -> int:
    """Read every document that waits, as the worker does; return how many."""
    files = FileStore(DataFolder(studio.settings.data_dir))
    reader = Reader(studio.store, files, studio.settings.documents, lambda: studio.now_ms)
    stop = threading.Event()
    read = 0
    while reader.step(stop):
        read += 1
    return read
