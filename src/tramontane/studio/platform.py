"""What every route of the studio is handed: the settings, the store, the pepper, the clock and
the way to tokens."""

import asyncio
from collections.abc import Callable

import msgspec
from litestar.di import NamedDependency

from tramontane.assistant.answering import Answering
from tramontane.assistant.embedder import Embedder
from tramontane.assistant.tokens import TokenClient
from tramontane.config import Settings
from tramontane.store.database import Store
from tramontane.studio.catalogue import StudioCatalogue
from tramontane.studio.sign_in import SignIns
from tramontane.studio.visitors import Visitors
from tramontane.tables.query import QueryPool


class Platform(msgspec.Struct, frozen=True):
    """One platform, built once by `application.create`. `clock_ms` gives Unix milliseconds.

    `importing` is held by each import at work; `queries` runs SQL over tables; `embedder` gives
    passages their vectors, where that is set.
    """

    settings: Settings
    store: Store
    pepper: bytes
    clock_ms: Callable[[], int]
    tokens: TokenClient
    sign_ins: SignIns
    answering: Answering
    visitors: Visitors
    importing: asyncio.Semaphore
    queries: QueryPool
    catalogue: StudioCatalogue
    embedder: Embedder | None = None


GivenPlatform = NamedDependency[Platform]
"""The parameter of a route that is handed the platform."""
