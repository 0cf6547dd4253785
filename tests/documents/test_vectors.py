"""What is near by its vector joins what has the words; nobody else's is ever near."""

import pytest

from tests.documents.test_search import NOW_MS, Shelf, shelf, texts
from tramontane.documents.search import Found, find
from tramontane.documents.vectors import Vector, packed
from tramontane.errors import UpstreamFailed
from tramontane.store import documents, members, memberships, vectors

__all__ = ["shelf"]

MODEL = "near"
EAST, NORTH, UP = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
Numbers = tuple[float, ...]


def embed(shelf: Shelf, document_id: str, *given: Numbers, model: str = MODEL) -> None:
    with shelf.store.write() as c:
        vectors.put(c, document_id, model, 1, [packed(v) for v in given])


def search(shelf: Shelf, library_ids: list[str], question: str, near: Numbers) -> Found:
    with shelf.store.read() as c:
        return find(c, library_ids, question, "en", vector=Vector(MODEL, packed(near)))


def test_what_is_near_is_found_without_a_word_of_it(shelf: Shelf) -> None:
    library = shelf.library()
    document = shelf.document(library, "Rents rose by 3.5 %.", "Wages did not.", "A park opened.")
    embed(shelf, document, EAST, NORTH, UP)
    found = search(shelf, [library], "loyers", (0.9, 0.3, 0.1))
    assert texts(found) == ["Rents rose by 3.5 %.", "Wages did not.", "A park opened."]
    assert found.searched == 3
    assert search(shelf, [library], "loyers", (0.9, 0.3, 0.1, 0.2)) == Found([], 3)


def test_both_rankings_count(shelf: Shelf) -> None:
    library = shelf.library()
    document = shelf.document(library, "The rent rose.", "The rent, the rent.", "Wages fell.")
    embed(shelf, document, NORTH, EAST, (0.9, 0.1, 0.0))
    found = search(shelf, [library], "What is the rent?", (1.0, 0.05, 0.0))
    assert texts(found)[0] == "The rent, the rent."  # first by words, and by its vector
    assert set(texts(found)) == {"The rent rose.", "The rent, the rent.", "Wages fell."}


def test_only_what_may_be_searched_is_near(shelf: Shelf) -> None:
    mine, theirs = shelf.library(), shelf.library()
    own = shelf.document(mine, "Mine.", name="a.pdf")
    other = shelf.document(theirs, "Theirs.")
    for document in (own, other):
        embed(shelf, document, EAST)
    assert texts(search(shelf, [mine], "loyers", EAST)) == ["Mine."]
    newer = shelf.document(mine, "Mine, again.", name="a.pdf")
    assert texts(search(shelf, [mine], "loyers", EAST)) == []  # superseded, and not yet embedded
    embed(shelf, newer, EAST, model="another")
    assert texts(search(shelf, [mine], "loyers", EAST)) == []
    embed(shelf, newer, EAST)
    assert texts(search(shelf, [mine], "loyers", EAST)) == ["Mine, again."]


def test_each_passage_is_to_be_embedded_once(shelf: Shelf) -> None:
    library = shelf.library()
    first = shelf.document(library, "One.", "Two.", heading="H")
    second = shelf.document(library, "Three.")
    shelf.document(library, "Being read.", is_ready=False)
    with shelf.store.read() as c:
        found = vectors.unembedded(c, MODEL, [])
        assert found is not None and found.document_id in (first, second)
        assert found.key_id is None  # the project has none
        assert vectors.unembedded(c, MODEL, [first, second]) is None
        one, two = vectors.without(c, first, MODEL, 9)
    assert (one.number, one.heading, one.text, two.number) == (1, "H", "One.", 2)
    embed(shelf, first, EAST)
    with shelf.store.read() as c:
        assert [words.number for words in vectors.without(c, first, MODEL, 9)] == [2]
        assert len(vectors.without(c, first, "another", 9)) == 2
    with shelf.store.write() as c:
        vectors.put(c, first, MODEL, 2, [packed(NORTH)])
    with shelf.store.read() as c:
        found = vectors.unembedded(c, MODEL, [])
    assert found is not None and found.document_id == second


def test_a_member_who_has_left_pays_for_nothing(shelf: Shelf) -> None:
    """Their key is revoked: with it, the document would never be embedded."""
    library = shelf.library()
    document = shelf.document(library, "One.")
    with shelf.store.write() as c:
        project_id = c.exec_driver_sql("SELECT id FROM projects").scalar_one()
        made = [
            members.create(c, email=f"{n}@x.org", name=n, password_hash=None, now_ms=NOW_MS)
            for n in ("a", "b")
        ]
        held = [
            memberships.put(c, member=m, project_id=project_id, role="member", now_ms=NOW_MS)
            for m in made
        ]
        c.exec_driver_sql("UPDATE documents SET member_id = ?", (made[0].id,))
        c.exec_driver_sql("UPDATE libraries SET member_id = ?", (made[1].id,))

    def payer() -> str | None:
        with shelf.store.read() as c:
            found = vectors.unembedded(c, MODEL, [])
        assert found is not None and found.document_id == document
        return found.key_id

    assert payer() == held[0].key_id
    with shelf.store.write() as c:
        members.disable(c, made[0].id, NOW_MS)
    assert payer() == held[1].key_id


def test_nothing_is_left_of_what_was_deleted(shelf: Shelf) -> None:
    document = shelf.document(shelf.library(), "One.")
    embed(shelf, document, EAST)
    with shelf.store.write() as c:
        documents.remove(c, [document])
        vectors.put(c, document, MODEL, 1, [packed(EAST)])  # its vector comes too late
        assert vectors.without(c, document, MODEL, 9) == []
        assert c.exec_driver_sql("SELECT count(*) FROM vectors").scalar() == 0


@pytest.mark.parametrize("values", [[], [0.0, 0.0], [float("nan")], [float("inf")], [1.0] * 20_000])
def test_a_vector_without_direction_is_refused(values: list[float]) -> None:
    with pytest.raises(UpstreamFailed, match="cannot be used"):
        packed(values)
