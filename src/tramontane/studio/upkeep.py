"""What the studio does beside answering requests: takes over what its predecessor left, sweeps
away temporary conversations, has the index of words forget what was deleted, and passages get
their vectors.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from tramontane.assistant import telling
from tramontane.assistant.answering import Answering
from tramontane.documents import keeping
from tramontane.documents.files import FileStore
from tramontane.errors import TramontaneError
from tramontane.store import conversations
from tramontane.store.conversations import Conversation
from tramontane.store.database import Store
from tramontane.store.tidying import tidy_index
from tramontane.studio.platform import Platform
from tramontane.studio.uploads import files_of

TEMPORARY_MS = 86_400_000
SWEEP_S = 600.0
TIDY_EVERY = 144  # sweeps, so once a day
TIDY_PAUSE_S = 0.05

_log = logging.getLogger(__name__)


@contextlib.asynccontextmanager
async def running(platform: Platform) -> AsyncIterator[None]:
    """Keep answers and sweeps going while the studio runs."""
    await platform.answering.take_over()
    tasks = [asyncio.create_task(_sweep_always(platform))]
    if platform.embedder is not None:
        tasks.append(asyncio.create_task(platform.embedder.keep_up()))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await platform.answering.close()
        await platform.tokens.aclose()
        await asyncio.to_thread(platform.queries.close)


async def _sweep_always(platform: Platform) -> None:
    sweeps = 0
    while True:
        try:
            files = files_of(platform)
            await sweep(platform.store, files, platform.answering, platform.clock_ms())
            if sweeps % TIDY_EVERY == 1:
                await tidy(platform.store)
        except (TramontaneError, OSError) as error:
            _log.warning("the studio's sweep was not finished, will try again: %s", error)
        sweeps += 1
        await asyncio.sleep(SWEEP_S)


async def tidy(store: Store) -> None:
    """Rewrite the index of words, so that it forgets what was deleted; in short transactions."""

    def piece(is_first: bool) -> bool:
        with store.write() as c:
            return tidy_index(c, "messages_words", is_first=is_first)

    is_first = True
    while await asyncio.to_thread(piece, is_first):
        is_first = False
        await asyncio.sleep(TIDY_PAUSE_S)


async def sweep(store: Store, files: FileStore, answering: Answering, now_ms: int) -> int:
    """Delete the temporary conversations not used for a day; return how many."""

    def find() -> list[Conversation]:
        with store.read() as c:
            return conversations.unused_temporary(c, now_ms - TEMPORARY_MS)

    def remove(conversation: Conversation) -> None:
        keeping.remove_conversation(store, files, conversation.id)

    found = [each for each in await asyncio.to_thread(find) if not answering.is_running(each.id)]
    for each in found:
        await asyncio.to_thread(remove, each)
        telling.deleted(answering.feed, each)
    return len(found)
