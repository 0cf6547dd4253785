"""Documents get their vectors as tokens of somebody, and one that cannot holds up no other."""

import asyncio
from collections.abc import Sequence

from tests.documents.test_search import NOW_MS, Shelf, shelf
from tramontane.assistant.embedder import AGAIN_AFTER_S, AGAIN_MOST_S, Embedder
from tramontane.assistant.tokens import TokenClient
from tramontane.errors import Forbidden
from tramontane.store import keys, vectors

__all__ = ["shelf"]
MODEL = "near"


class Tokens(TokenClient):
    """A gateway that refuses what holds the word "no", as a policy would."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, list[str]]] = []

    async def embed(self, key_id: str, model: str, texts: Sequence[str]) -> list[tuple[float, ...]]:
        self.asked.append((key_id, list(texts)))
        if any("no" in text for text in texts):
            raise Forbidden("ruled out", code="policy_local")
        return [(1.0, 0.0) for _ in texts]


class World:
    """An embedder over a shelf, and its clock."""

    def __init__(self, shelf: Shelf) -> None:
        self.now_s = 0.0
        self.tokens = Tokens()
        self.embedder = Embedder(shelf.store, self.tokens, MODEL, lambda: self.now_s)
        with shelf.store.write() as c:
            project_id = c.exec_driver_sql("SELECT id FROM projects").scalar_one()
            key, _ = keys.create(c, b"p" * 32, project_id=project_id, name="k", now_ms=NOW_MS)
        self.key_id = key.id

    def step(self) -> bool:
        return asyncio.run(self.embedder.step())

    def refused(self) -> int:
        """Return how often the gateway has refused."""
        return sum("no" in text for _, texts in self.tokens.asked for text in texts)


def test_what_is_refused_holds_up_nothing_and_is_tried_ever_more_seldom(shelf: Shelf) -> None:
    library = shelf.library()
    refused = shelf.document(library, "no")
    taken = shelf.document(library, "yes")
    world = World(shelf)
    while world.step():
        pass
    assert world.tokens.asked == [(world.key_id, ["no"]), (world.key_id, ["yes"])]
    with shelf.store.read() as c:
        assert vectors.without(c, taken, MODEL, 9) == []
        assert len(vectors.without(c, refused, MODEL, 9)) == 1
    waits = [AGAIN_AFTER_S, 2 * AGAIN_AFTER_S, 4 * AGAIN_AFTER_S]
    for times, wait_s in enumerate(waits, 2):
        world.now_s += wait_s - 1
        assert not world.step()
        world.now_s += 2
        assert world.step() and world.refused() == times
    for _ in range(99):
        world.now_s += AGAIN_MOST_S + 1
        assert world.step()  # never given up


def test_a_question_without_a_vector_is_asked_all_the_same(shelf: Shelf) -> None:
    world = World(shelf)
    assert asyncio.run(world.embedder.question("key_a", "no")) is None
    found = asyncio.run(world.embedder.question("key_a", "yes"))
    assert found is not None and found.model == MODEL
    assert world.tokens.asked[-1] == ("key_a", ["yes"])
