"""The way from an answer to the documents and tables that it may look into.

It waits for what is still being read, finds passages, and makes the tools of one answer. It does
not know which documents those are: an order's scope does.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from tramontane.assistant import context, evidence, scope
from tramontane.assistant.askable import Askable, askable, description
from tramontane.assistant.brief import Brief
from tramontane.assistant.embedder import Embedder
from tramontane.assistant.evidence import Evidence, Shown
from tramontane.assistant.followups import query_of
from tramontane.assistant.library_tools import Embed, SearchDocuments
from tramontane.assistant.live import Live
from tramontane.assistant.orders import Order
from tramontane.assistant.query_tool import QueryTable
from tramontane.assistant.results import SHOWN_CHARACTERS_MAX
from tramontane.assistant.scope import Scope, Unread
from tramontane.assistant.turn import BoundTool
from tramontane.documents.translation import Ask, languages_of, translated
from tramontane.documents.vectors import Vector
from tramontane.errors import TramontaneError, Unavailable
from tramontane.guide.language import language_of
from tramontane.store.database import Store
from tramontane.store.messages import ProgressPart
from tramontane.store.names import random_base62
from tramontane.tables.query import QueryPool

READING_LOOK_S = 0.5
READING_STILL_S = 600.0
RULES_TOKENS = 400
TOOL_SHARE = 4  # what a tool gives at once takes at most so small a part of what is left
SHOWN_CHARACTERS_LEAST = 600
TOOL_TOKENS_LEAST = 300
NONCE_LENGTH = 12
TRANSLATION_TIMEOUT_S = 30.0

_log = logging.getLogger(__name__)


def new_nonce() -> str:
    """Return a word that nobody can have written into a document beforehand."""
    return random_base62(NONCE_LENGTH)


class Holdings:
    """Documents and tables, for answers. One for the whole studio.

    `pool` runs SQL over the files in `tables` and over connections, which `pepper` unseals; without
    a pool, no table can be asked.
    """

    def __init__(
        self,
        store: Store,
        pool: QueryPool | None = None,
        tables: Path | None = None,
        pepper: bytes = b"",
        nonce: Callable[[], str] = new_nonce,
        embedder: Embedder | None = None,
    ) -> None:
        self._store = store
        self._pool = pool
        self._tables = tables
        self._pepper = pepper
        self._nonce = nonce
        self._embedder = embedder

    async def brief(self, order: Order, live: Live, ask: Ask | None = None) -> Brief:
        """Return what the answer to `order` works with, once its documents are read.

        `ask` is a capable model, where there is one: it says a question in the documents' language.
        """
        language = language_of(list(order.questions), order.language)
        if order.scope.is_empty:
            return Brief(Evidence(), language, "", {})
        await self._wait(order.scope, live)
        said = {} if ask is None else await self._translated(order, language, ask)
        embed = self._embedding(order.key_id)
        vector = None
        if embed is not None and await asyncio.to_thread(self._is_to_search, order):
            vector = await embed(query_of(order.questions, language))
        found, tables, room = await asyncio.to_thread(self._gather, order, language, said, vector)
        nonce = self._nonce()
        tools: dict[str, BoundTool] = {}
        if found.searched:
            each = None if room is None else max(TOOL_TOKENS_LEAST, room // TOOL_SHARE)
            search = SearchDocuments(self._store, order.scope, found, language, nonce, each, embed)
            tools[search.name] = search
        if tables and self._pool is not None:
            self._pool.warm()
            tools[QueryTable.name] = QueryTable(self._pool, tables, language, _characters(room))
        return Brief(found, language, nonce, tools, tables, order.guide, order.scope.attached)

    def _embedding(self, key_id: str) -> Embed | None:
        embedder = self._embedder
        return None if embedder is None else partial(embedder.question, key_id)

    def _is_to_search(self, order: Order) -> bool:
        with self._store.read() as c:
            return evidence.is_to_search(c, order)

    async def everything(self, of: Scope) -> list[Shown]:
        """Return every passage of the documents that the question is about, numbered."""

        def read() -> list[Shown]:
            with self._store.read() as c:
                return evidence.everything(c, of)

        return await asyncio.to_thread(read)

    async def asking(self, of: Scope, language: str) -> QueryTable:
        """Return what asks the tables in that scope. Raises Unavailable."""
        if self._pool is None:
            raise Unavailable("Tables cannot be asked here.")
        tables = await asyncio.to_thread(self._askable, of)
        return QueryTable(self._pool, tables, language)

    def _askable(self, of: Scope) -> tuple[Askable, ...]:
        if self._tables is None:
            return ()
        with self._store.read() as c:
            return askable(c, of, self._tables, self._pepper)

    async def _translated(self, order: Order, language: str, ask: Ask) -> dict[str, str]:
        """Return the question in the documents' other languages, where a search is to be made."""

        def others() -> set[str]:
            with self._store.read() as c:
                if not evidence.is_to_search(c, order):
                    return set()
                return languages_of(c, order.scope.library_ids) - {language}

        wanted = await asyncio.to_thread(others)
        query = query_of(order.questions, language)
        try:
            async with asyncio.timeout(TRANSLATION_TIMEOUT_S):
                return await translated(query, language, wanted, ask)
        except (TramontaneError, TimeoutError) as error:
            _log.info("a question was not translated: %s", type(error).__name__)
            return {}

    def _gather(
        self,
        order: Order,
        language: str,
        translations: Mapping[str, str],
        vector: Vector | None,
    ) -> tuple[Evidence, tuple[Askable, ...], int | None]:
        """Return passages, tables, and the tokens that are left beside them."""
        tables = self._askable(order.scope) if self._pool is not None else ()
        room = context.room(order.sent.chat, order.context_tokens, order.parameters.max_tokens)
        if room is not None:
            told = len(description(tables)) // 3 if tables else 0
            room = max(0, room - RULES_TOKENS - told)
        with self._store.read() as c:
            found = evidence.gather(c, order, language, room, translations, vector)
        if room is not None:
            taken = sum(len(each.text) for each in found.shown)
            room = max(0, room - int(taken / evidence.CHARACTERS_PER_TOKEN))
        return found, tables, room

    async def _wait(self, of: Scope, live: Live) -> None:
        """Wait until the conversation's documents are read, as long as that goes on."""
        loop = asyncio.get_running_loop()
        before, since_s = Unread(0, 0, 0), loop.time()
        while (now := await asyncio.to_thread(self._unread, of)).documents:
            if now != before:
                before, since_s = now, loop.time()
                live.progress(ProgressPart("reading", now.pages_done, max(now.pages, 1)))
            elif loop.time() - since_s > READING_STILL_S:
                break
            await asyncio.sleep(READING_LOOK_S)
        live.progress(None)

    def _unread(self, of: Scope) -> Unread:
        with self._store.read() as c:
            return scope.unread(c, of)


def _characters(room_tokens: int | None) -> int:
    """Return how much of a result a model is told at once, where so many tokens are left."""
    if room_tokens is None:
        return SHOWN_CHARACTERS_MAX
    share = int(room_tokens / TOOL_SHARE * evidence.CHARACTERS_PER_TOKEN)
    return min(SHOWN_CHARACTERS_MAX, max(SHOWN_CHARACTERS_LEAST, share))
