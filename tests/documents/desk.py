"""A platform's store and files without its processes: documents are brought, read and deleted."""

import shutil
import threading
from pathlib import Path

from tramontane.config import DocumentSettings, LimitDefaults
from tramontane.datafolder import DataFolder
from tramontane.documents import keeping
from tramontane.documents.files import FileStore
from tramontane.documents.search import find
from tramontane.store import documents, libraries, projects
from tramontane.store.database import Store, open_store
from tramontane.store.documents import Document
from tramontane.worker.reading import Reader

FILE_BYTES = 1_000_000


class Desk:
    """One library over a data folder of its own; `now_ms` is its clock."""

    def __init__(self, path: Path, empty_store_file: Path) -> None:
        self.folder = DataFolder(path)
        path.mkdir(parents=True, exist_ok=True)
        self.files = FileStore(self.folder)
        self.files.prepare()
        shutil.copy(empty_store_file, self.folder.database)
        self.store: Store = open_store(f"sqlite:///{self.folder.database}")
        self.now_ms = 1_800_000_000_000
        self.stop = threading.Event()
        self.reader = Reader(self.store, self.files, DocumentSettings(), lambda: self.now_ms)
        with self.store.write() as c:
            made = projects.create(c, name="p", defaults=LimitDefaults(), now_ms=1)
        self.project_id = made.id
        self.library_id = self.library()

    def library(self) -> str:
        """Return another library."""
        with self.store.write() as c:
            return libraries.create(c, project_id=self.project_id, name="L", now_ms=1).id

    def bring(
        self, content: bytes, name: str = "a.txt", library_id: str | None = None
    ) -> tuple[Document, bool]:
        """Return the document of these bytes, and whether they were there."""
        target = library_id or self.library_id
        with self.files.incoming(FILE_BYTES) as incoming:
            for at in range(0, len(content), 65_536):
                incoming.add(content[at : at + 65_536])
                incoming.flush()
            return keeping.keep(
                self.store,
                self.files,
                incoming,
                find_library=lambda c: libraries.get(c, target).id,
                member_id=None,
                name=name,
                now_ms=self.now_ms,
            )

    def read(self) -> int:
        """Read all that waits; return how many."""
        count = 0
        while self.reader.step(self.stop):
            count += 1
        return count

    def get(self, document_id: str) -> Document:
        """Return the document as it is now."""
        with self.store.read() as c:
            return documents.get(c, document_id)

    def found(self, question: str) -> list[str]:
        """Return the documents in which something is found."""
        with self.store.read() as c:
            return [hit.document_id for hit in find(c, [self.library_id], question).hits]

    def on_disk(self) -> list[str]:
        """Return every file of documents and tables that there is."""
        folders = (self.folder.files, self.folder.tables)
        every = (path for folder in folders for path in folder.rglob("*") if path.is_file())
        return sorted(path.name for path in every if not path.name.startswith((".lock", ".rem")))

    def holds(self, word: bytes) -> bool:
        """Whether that word stands in any file of the platform, once its log is folded in."""
        with self.store.write() as c:
            c.commit()
        self.store.close()
        files = [path for path in self.folder.path.rglob("*") if path.is_file()]
        return any(word in path.read_bytes() for path in files)
