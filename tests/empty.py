"""An empty, migrated store: copying it is faster than migrating anew."""

import tempfile
from functools import cache
from pathlib import Path

from tramontane.datafolder import DataFolder
from tramontane.store.database import migrate


@cache
def store() -> bytes:
    """Return an empty SQLite store of this revision, as its file has it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        migrate(f"sqlite:///{path}")
        return path.read_bytes()


def prepare(folder: DataFolder) -> None:
    """Make `folder` and the empty store in it, where there is none yet."""
    folder.prepare()
    if not folder.database.exists():
        folder.database.write_bytes(store())
