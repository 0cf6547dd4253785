"""Vectors for questions and documents, where the operator has set a deployment for embeddings.

Passages get theirs in the background, soon after a document was read, as tokens of whoever brought
it; a question gets its own before it is searched for. Nothing waits for a vector: without one, the
search by words goes on alone. It does not know how vectors are compared (`documents.vectors` does).
"""

import asyncio
import logging
from collections.abc import Callable, Sequence

from tramontane.assistant.tokens import TokenClient
from tramontane.documents.vectors import Vector, packed
from tramontane.errors import TramontaneError
from tramontane.store import vectors
from tramontane.store.database import Store
from tramontane.store.vectors import Unembedded, Words

TEXTS_AT_ONCE = 64
TEXT_CHARACTERS = 4_000
QUESTION_CHARACTERS = 2_000
QUESTION_TIMEOUT_S = 5.0
LOOK_S = 3.0
AGAIN_AFTER_S = 60.0
AGAIN_MOST_S = 3_600.0

_log = logging.getLogger(__name__)


class Embedder:
    """Has texts embedded by the deployment `model`. One for the whole studio."""

    def __init__(
        self,
        store: Store,
        tokens: TokenClient,
        model: str,
        clock_s: Callable[[], float],
        look_s: float = LOOK_S,
    ) -> None:
        self._store = store
        self._tokens = tokens
        self._model = model
        self._clock_s = clock_s
        self._look_s = look_s
        # Documents that are left alone, until when and for how long.
        self._failed: dict[str, tuple[float, float]] = {}

    async def question(self, key_id: str, text: str) -> Vector | None:
        """Return the question's vector; None where there is none in time."""
        try:
            async with asyncio.timeout(QUESTION_TIMEOUT_S):
                (found,) = await self._tokens.embed(
                    key_id, self._model, [text[:QUESTION_CHARACTERS]]
                )
            return Vector(self._model, packed(found))
        except (TramontaneError, TimeoutError) as error:
            _log.info("a question has no vector: %s", type(error).__name__)
            return None

    async def keep_up(self) -> None:
        """Give every passage its vector, and those that come; never ends by itself."""
        while True:
            try:
                is_more = await self.step()
            except Exception as fault:  # noqa: BLE001 - the outer edge of a task
                _log.error("embedding failed: %s", type(fault).__name__, exc_info=fault)
                is_more = False
            if not is_more:
                await asyncio.sleep(self._look_s)

    async def step(self) -> bool:
        """Give some passages of the oldest document without all of its vectors theirs; return
        whether there were any.
        """
        found = await asyncio.to_thread(self._next)
        if found is None:
            return False
        document, some = found
        try:
            if document.key_id is None:
                raise TramontaneError("its project has no key")
            texts = [_embedded(words) for words in some]
            given = await self._tokens.embed(document.key_id, self._model, texts)
            made = [packed(vector) for vector in given]
        except TramontaneError as error:
            self._leave_alone(document.document_id)
            _log.warning("document %s has no vectors yet: %s", document.document_id, error)
            return True
        self._failed.pop(document.document_id, None)
        await asyncio.to_thread(self._keep, document.document_id, some[0].number, made)
        return True

    def _leave_alone(self, document_id: str) -> None:
        """Try it again later, each time twice as late: a policy may refuse thousands of them."""
        now_s = self._clock_s()
        _, waited_s = self._failed.get(document_id, (0.0, AGAIN_AFTER_S / 2))
        wait_s = min(2 * waited_s, AGAIN_MOST_S)
        self._failed[document_id] = (now_s + wait_s, wait_s)

    def _next(self) -> tuple[Unembedded, list[Words]] | None:
        now = self._clock_s()
        left = [id_ for id_, (until_s, _) in self._failed.items() if until_s > now]
        with self._store.read() as c:
            document = vectors.unembedded(c, self._model, left)
            if document is None:
                return None
            some = vectors.without(c, document.document_id, self._model, TEXTS_AT_ONCE)
        return document, some

    def _keep(self, document_id: str, first: int, made: Sequence[bytes]) -> None:
        with self._store.write() as c:
            vectors.put(c, document_id, self._model, first, made)


def _embedded(words: Words) -> str:
    """Return a passage with the headings that it stands under."""
    text = f"{words.heading}\n{words.text}" if words.heading else words.text
    return text[:TEXT_CHARACTERS] or "-"
