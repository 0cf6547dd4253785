"""The same search where the store is PostgreSQL."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.documents.test_search import Shelf, texts
from tests.tables.servers import PASSWORD, postgres
from tramontane.store import passages
from tramontane.store.database import migrate, open_store

pytestmark = pytest.mark.slow


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    with postgres() as port:
        url = f"postgresql+pg8000://analyst:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/shop"
        migrate(url)
        store = open_store(url)
        yield Shelf(store)
        store.close()


def test_a_store_on_postgresql_is_searched_alike(shelf: Shelf) -> None:
    mine, theirs = shelf.library(), shelf.library()
    shelf.document(
        mine,
        "The council met on Monday in the town hall.",
        "Rents rose by 3.5 % in 2024, more than wages.",
        "The park has old trees, and the rents of the kiosks are low.",
        name="report.pdf",
    )
    before = shelf.find([mine], "How much did the rent rise in 2024?")
    assert before.searched == 3
    assert texts(before)[0].startswith("Rents rose")
    shelf.document(theirs, *("Rents rose in 2024, a secret." for _ in range(20)))
    assert shelf.find([mine], "How much did the rent rise in 2024?") == before
    assert shelf.find([mine], "secret").hits == []
    german = shelf.document(mine, "Angela Merkel regierte 16 Jahre.", language="de")
    assert texts(shelf.find([mine], "Qui est Angela Merkel ?", "fr")) == [
        "Angela Merkel regierte 16 Jahre."
    ]
    for question in ("'", "a & | !", "\\", "x:*", "' OR 1=1 --"):
        shelf.find([mine], question)
    with shelf.store.write() as c:
        passages.set_aside(c, german)
    assert shelf.find([mine], "Merkel").hits == []
