"""Own cards in the store: whose they are, and that nobody takes another's."""

import pytest

from tramontane.config import Settings
from tramontane.errors import Conflict, NotFound
from tramontane.store import cards, projects
from tramontane.store.database import Store


def put(store: Store, card_id: str, project_id: str | None, data: bytes, now_ms: int) -> None:
    with store.write() as c:
        cards.put(c, card_id=card_id, data=data, project_id=project_id, now_ms=now_ms)


def test_a_card_is_kept_replaced_and_removed(store: Store) -> None:
    before = store.revision()
    put(store, "acme/b", None, b"1", 5)
    put(store, "acme/a", None, b"2", 6)
    put(store, "acme/b", None, b"3", 7)
    with store.read() as c:
        assert [card.id for card in cards.list_all(c)] == ["acme/a", "acme/b"]
        found = cards.get(c, "acme/b")
    assert (found.data, found.created_at_ms, found.updated_at_ms) == (b"3", 5, 7)
    with store.write() as c:
        assert cards.remove(c, "acme/b").id == "acme/b"
        with pytest.raises(NotFound, match="did you mean acme/a"):
            cards.remove(c, "acme/b")
    assert store.revision() > before


def test_nobody_takes_anothers_card(store: Store) -> None:
    with store.write() as c:
        owner = projects.create(c, name="legal", defaults=Settings().limits, now_ms=1)
    put(store, "acme/a", owner.id, b"1", 5)
    with pytest.raises(Conflict, match="another project's"):
        put(store, "acme/a", None, b"2", 6)
    put(store, "acme/a", owner.id, b"2", 6)
    with store.read() as c:
        assert cards.get(c, "acme/a").project_id == owner.id
