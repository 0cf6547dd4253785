"""A desk with a library, for each test that asks for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents.desk import Desk


@pytest.fixture
def desk(tmp_path: Path, empty_store_file: Path) -> Iterator[Desk]:
    """An empty library with its files."""
    made = Desk(tmp_path / "data", empty_store_file)
    yield made
    made.store.close()
