"""A migrated store in a folder of its own, for each test that asks for one."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tramontane.store.database import Store, open_store


@pytest.fixture
def store_url(empty_store_file: Path, tmp_path: Path) -> str:
    """The address of an empty store."""
    path = tmp_path / "tramontane.db"
    shutil.copy(empty_store_file, path)
    return f"sqlite:///{path}"


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store."""
    opened = open_store(store_url)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def new_store(
    empty_store_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Store]]:
    """A maker of empty stores, for tests that need a fresh one per example."""
    opened: list[Store] = []

    def make() -> Store:
        path = tmp_path_factory.mktemp("store") / "tramontane.db"
        shutil.copy(empty_store_file, path)
        opened.append(open_store(f"sqlite:///{path}"))
        return opened[-1]

    yield make
    for each in opened:
        each.close()
