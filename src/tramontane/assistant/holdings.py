"""The way from an answer to the documents and tables that it may look into.

It waits for what is still being read, finds passages, and makes the tools of one answer. It does
not know which documents those are: an order's scope does.
"""

import asyncio
from collections.abc import Callable

from tramontane.assistant import context, evidence, scope
from tramontane.assistant.brief import Brief
from tramontane.assistant.evidence import Evidence
from tramontane.assistant.library_tools import SearchDocuments
from tramontane.assistant.live import Live
from tramontane.assistant.orders import Order
from tramontane.assistant.scope import Scope, Unread
from tramontane.assistant.turn import BoundTool
from tramontane.guide.language import language_of
from tramontane.store.database import Store
from tramontane.store.messages import ProgressPart
from tramontane.store.names import random_base62

READING_LOOK_S = 0.5
READING_STILL_S = 600.0
RULES_TOKENS = 400
NONCE_LENGTH = 12


def new_nonce() -> str:
    """Return a word that nobody can have written into a document beforehand."""
    return random_base62(NONCE_LENGTH)


class Holdings:
    """Documents and tables, for answers. One for the whole studio."""

    def __init__(self, store: Store, nonce: Callable[[], str] = new_nonce) -> None:
        self._store = store
        self._nonce = nonce

    async def brief(self, order: Order, live: Live) -> Brief:
        """Return what the answer to `order` works with, once its documents are read."""
        language = language_of(list(order.questions), order.language)
        if order.scope.is_empty:
            return Brief(Evidence(), language, "", {})
        await self._wait(order.scope, live)
        found = await asyncio.to_thread(self._gather, order, language)
        nonce = self._nonce()
        tools: dict[str, BoundTool] = {}
        if found.searched:
            search = SearchDocuments(self._store, order.scope, found, language, nonce)
            tools[search.name] = search
        return Brief(found, language, nonce, tools, order.guide)

    def _gather(self, order: Order, language: str) -> Evidence:
        room = context.room(order.sent.chat, order.context_tokens, order.parameters.max_tokens)
        if room is not None:
            room = max(0, room - RULES_TOKENS)
        with self._store.read() as c:
            return evidence.gather(c, order, language, room)

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
